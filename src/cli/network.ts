import { parseJsonLosslessly } from "../platform/json.ts";
import type { World } from "./world.ts";

/** What a request came to: an answer, or why there is none. */
export type Outcome = Answer | { readonly status: null; readonly reason: string };

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

type Network = Pick<World, "fetch" | "timeout">;

/** Sends one request. A redirect is an answer: the credentials are not for the host behind it. */
export async function send(
  url: string,
  { answersWithinMs, ...init }: Omit<RequestInit, "redirect" | "signal"> & { readonly answersWithinMs: number },
  { fetch, timeout }: Network,
): Promise<Outcome> {
  try {
    const response = await fetch(url, { ...init, redirect: "manual", signal: timeout(answersWithinMs) });
    return { status: response.status, headers: response.headers, text: await response.text() };
  } catch (error) {
    return { status: null, reason: networkReason(error) };
  }
}

export interface HttpRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: string;
  readonly body?: object | undefined;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface HttpAccess {
  readonly baseUrl: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly answersWithinMs: number;
  readonly world: Network & Pick<World, "wait">;
  /** Milliseconds to wait before the same request is sent again, for the first time with `retry` 1; null: not at all. */
  readonly retryWaitMs: (outcome: Outcome, request: HttpRequest, retry: number) => number | null;
}

/** An API that speaks JSON, as the clients of the relay and of Qonto use it. */
export class HttpClient {
  readonly #access: HttpAccess;

  constructor(access: HttpAccess) {
    this.#access = access;
  }

  async request(request: HttpRequest): Promise<Outcome> {
    const { baseUrl, headers, answersWithinMs, world, retryWaitMs } = this.#access;
    const { method, path, body } = request;
    const content = body === undefined ? {} : { "content-type": "application/json" };
    for (let retry = 1; ; retry += 1) {
      const outcome = await send(
        joined(baseUrl, path),
        {
          method,
          headers: { accept: "application/json", ...headers, ...content, ...request.headers },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          answersWithinMs,
        },
        world,
      );
      const waitMs = retryWaitMs(outcome, request, retry);
      if (waitMs === null) return outcome;
      await world.wait(waitMs);
    }
  }
}

/** With one slash between them: a path without it would make another host of the address. */
function joined(baseUrl: string, path: string): string {
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
export function dateOf({ headers }: Answer): number | null {
  return Date.parse(headers.get("date") ?? "") || null;
}

/** Why a request did not come through, in a few words. */
export function networkReason(error: unknown): string {
  if (!(error instanceof Error)) return "the connection failed";
  if (error.name === "TimeoutError") return NO_ANSWER_IN_TIME;
  if (error.cause instanceof Error) return networkReason(error.cause);
  const code = "code" in error && typeof error.code === "string" ? error.code : undefined;
  return (code === undefined ? undefined : reasons[code]) ?? code ?? "the connection failed";
}

export const NO_ANSWER_IN_TIME = "no answer in time";

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
