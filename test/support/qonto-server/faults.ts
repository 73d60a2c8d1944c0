import { ConnectionCut } from "./errors.ts";

/** Faults of Qonto. Each lasts while it is set. */
export interface QontoFaults {
  /** Every call is answered so. */
  status?: number;
  /** A subscription to one of these types is answered so. */
  refusedTypes?: { readonly status: number; readonly types: readonly string[] };
  /** The path of a list for which the token lacks the scope. */
  forbidden?: string;
  /** How far its clock is ahead. */
  clockSkewSeconds?: number;
  /** 429 says how long to wait, unless this is set. */
  withoutRetryAfter?: boolean;
  /** No event is sent: it is as if Qonto had abandoned each. */
  losesWebhooks?: boolean;
  /** By path; `*`: of every path that is not listed. */
  readonly paths: Map<string, PathFault>;
}

/** What happens to calls of a path. */
export interface PathFault {
  /** Calls for which it lasts; all of them unless it is given. */
  readonly times?: number;
  /** How long the answer takes. */
  readonly delayMs?: number;
  /** Answered so, and nothing is done. */
  readonly status?: number;
  readonly answer?: BrokenAnswer;
  /** By how much `meta.total_count` is wrong. */
  readonly totalCountBy?: number;
}

/**
 * hangs, cut, html, text: nothing is done, and there is no answer, the connection is cut, or something between answers. lost, cut
 * json: it is done, and the connection is cut before the answer or within it.
 */
type BrokenAnswer = "hangs" | "cut" | "lost" | "html" | "text" | "cut json";

/** Takes the fault that meets the next call of a path. */
export function takeFault({ paths }: QontoFaults, path: string): PathFault {
  const key = paths.has(path) ? path : "*";
  const fault = paths.get(key);
  if (fault === undefined) return {};
  if (fault.times !== undefined) paths.set(key, { ...fault, times: fault.times - 1 });
  if (fault.times === 1) paths.delete(key);
  return fault;
}

/** Answers as the fault has it. `answer` does what was asked for. */
export async function answerWith(
  { answer: broken, totalCountBy = 0 }: PathFault,
  answer: () => Promise<Response>,
): Promise<Response> {
  if (broken === undefined) return totalCountBy === 0 ? answer() : miscount(await answer(), totalCountBy);
  switch (broken) {
    case "hangs":
      return new Promise(() => undefined);
    case "cut":
      throw new ConnectionCut();
    case "lost":
      await answer();
      throw new ConnectionCut();
    case "html":
      return new Response("<!doctype html><title>502 Bad Gateway</title>", { status: 502, headers: html });
    case "text":
      return new Response("It works!", { headers: html });
    case "cut json": {
      const whole = await answer();
      const text = await whole.text();
      return new Response(text.slice(0, text.length / 2), whole);
    }
  }
}

const html = { "content-type": "text/html" };

async function miscount(response: Response, by: number): Promise<Response> {
  const { meta, ...list } = Object(await response.json());
  return Response.json({ ...list, meta: { ...meta, total_count: meta.total_count + by } });
}
