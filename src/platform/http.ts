import { parseJsonLosslessly } from "./json.ts";
import type { World } from "./world.ts";

/** What a request came to: an answer, or why there is none. */
export type Outcome = Answer | { readonly status: null; readonly reason: string };

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** Sends one request. A redirect is an answer: the credentials are not for the host behind it. */
export async function send(
  url: string,
  init: Omit<RequestInit, "redirect">,
  world: Pick<World, "fetch">,
): Promise<Outcome> {
  try {
    const response = await world.fetch(url, { ...init, redirect: "manual" });
    return { status: response.status, headers: response.headers, text: await response.text() };
  } catch (error) {
    return { status: null, reason: networkReason(error) };
  }
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
