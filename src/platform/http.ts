import { parseJsonLosslessly } from "./json.ts";
import type { World } from "./world.ts";

/** What a request came to: an answer, or why there is none. */
export type Outcome = Answer | { readonly status: null; readonly reason: string };

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** An isolate has 128 MB for all that it does: an answer without end would stop its other work too. */
class AnswerTooLarge extends Error {
  override readonly name = "AnswerTooLarge";
}

interface OneRequest extends Omit<RequestInit, "redirect"> {
  /** A larger answer counts as no answer. Absent: there is no limit. */
  readonly mostBytes?: number;
}

/** Sends one request. A redirect is an answer: the credentials are not for the host behind it. */
export async function send(
  url: string,
  { mostBytes = Infinity, ...init }: OneRequest,
  world: Pick<World, "fetch">,
): Promise<Outcome> {
  try {
    const response = await world.fetch(url, { ...init, redirect: "manual" });
    const text = await bounded(response, mostBytes).text();
    return { status: response.status, headers: response.headers, text };
  } catch (error) {
    return { status: null, reason: networkReason(error) };
  }
}

/** The same answer. Its body fails once it is longer than `mostBytes`, counted after decompression. */
export function bounded(response: Response, mostBytes: number): Response {
  const { body, status, headers } = response;
  if (body === null || mostBytes === Infinity) return response;
  let size = 0;
  const counting = new TransformStream<Uint8Array, Uint8Array>({
    transform(piece, controller) {
      size += piece.length;
      if (size > mostBytes) throw new AnswerTooLarge();
      controller.enqueue(piece);
    },
  });
  return new Response(body.pipeThrough(counting), { status, headers });
}

/** With one slash between them: a path without it would make another host of the address. */
export function joined(baseUrl: string, path: string): string {
  return `${baseUrl.replace(/\/+$/, "")}/${path.replace(/^\/+/, "")}`;
}

/** What is undefined is left out; a list is a parameter for each of its values. */
export type Query = Readonly<Record<string, string | number | readonly string[] | undefined>>;

/** The query of an address with its `?`; empty without parameters. */
export function queryText(query: Query): string {
  const parameters = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [value].flat().map((one) => [name, String(one)]),
  );
  return parameters.length === 0 ? "" : `?${new URLSearchParams(parameters).toString()}`;
}

/** Undefined when it is no JSON. */
export function tryParseLosslessly(text: string): unknown {
  try {
    return parseJsonLosslessly(text);
  } catch {
    return undefined;
  }
}

/** Unix milliseconds of an answer's `Date`; null without one. */
export function dateOf({ headers }: Pick<Answer, "headers">): number | null {
  return Date.parse(headers.get("date") ?? "") || null;
}

/** Why a request did not come through, in a few words. */
export function networkReason(error: unknown): string {
  if (!(error instanceof Error)) return "the connection failed";
  if (error.name === "TimeoutError") return NO_ANSWER_IN_TIME;
  if (error instanceof AnswerTooLarge) return "the answer is too large";
  if (error.cause instanceof Error) return networkReason(error.cause);
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  return (reasons[code] ?? code) || "the connection failed";
}

export const NO_ANSWER_IN_TIME = "no answer in time";

/** By Node's code of the error. */
const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there",
  ECONNRESET: "the connection was cut",
  UND_ERR_SOCKET: "the connection was cut",
  ENOTFOUND: "there is no such host",
  EAI_AGAIN: "the name of the host cannot be looked up",
  CERT_HAS_EXPIRED: "its certificate has expired",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is signed by itself",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another name",
};
