import { z } from "zod";
import { parseJsonLosslessly } from "../platform/json.ts";
import type { Fault } from "./fault.ts";
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
  { answersWithinMs, ...init }: Omit<RequestInit, "redirect" | "signal"> & { readonly answersWithinMs: number },
  { fetch, timeout }: World,
): Promise<Outcome> {
  try {
    const response = await fetch(url, { ...init, redirect: "manual", signal: timeout(answersWithinMs) });
    return { status: response.status, headers: response.headers, text: await response.text() };
  } catch (error) {
    return { status: null, reason: networkReason(error) };
  }
}

export interface ApiRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: string;
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface ApiAccess {
  readonly baseUrl: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly answersWithinMs: number;
  readonly world: World;
}

/** An API that speaks JSON. Its answers are parsed by the schema that the caller gives. */
export abstract class ApiClient {
  readonly #access: ApiAccess;

  constructor(access: ApiAccess) {
    this.#access = access;
  }

  get<Schema extends z.ZodType>(path: string, schema: Schema, query: Query = {}): Promise<z.output<Schema>> {
    return this.call({ method: "GET", path: path + queryText(query) }, schema);
  }

  post<Schema extends z.ZodType>(path: string, body: object, schema: Schema): Promise<z.output<Schema>> {
    return this.call({ method: "POST", path, body }, schema);
  }

  async delete(path: string): Promise<void> {
    await this.call({ method: "DELETE", path }, z.unknown());
  }

  /** Sends a request, again if that is worth it, and reads the answer. */
  protected async call<Schema extends z.ZodType>(request: ApiRequest, schema: Schema): Promise<z.output<Schema>> {
    let outcome = await this.sendOnce(request);
    for (let retry = 1; ; retry += 1) {
      const waitMs = this.retryWaitMs(outcome, request.method, retry);
      if (waitMs === null) break;
      await this.#access.world.wait(waitMs);
      outcome = await this.sendOnce(request);
    }
    if (outcome.status === null) throw this.unreachable(outcome.reason);
    const json = tryParseLosslessly(outcome.text);
    if (outcome.status < 200 || outcome.status > 299) throw this.refusal(outcome, json);
    const parsed = schema.safeParse(json);
    if (parsed.success) return parsed.data;
    throw this.unexpected(outcome.status, parsed.error.issues[0]?.path.join(".") ?? "");
  }

  protected sendOnce({ method, path, body, headers }: ApiRequest): Promise<Outcome> {
    const { baseUrl, answersWithinMs, world, headers: common } = this.#access;
    const content = body === undefined ? {} : { "content-type": "application/json" };
    const init = {
      method,
      headers: { accept: "application/json", ...common, ...content, ...headers },
      body: body === undefined ? null : JSON.stringify(body),
      answersWithinMs,
    };
    return send(joined(baseUrl, path), init, world);
  }

  /** Milliseconds to wait before a request is sent again, for the first time with `retry` 1; null: it is not. */
  protected abstract retryWaitMs(outcome: Outcome, method: string, retry: number): number | null;

  protected abstract unreachable(reason: string): Fault;

  /** Of an answer that is no 2xx. `json` is undefined where it holds none. */
  protected abstract refusal(answer: Answer, json: unknown): Fault;

  /** Of a 2xx that does not fit the schema at `place`, which is empty for the whole answer. */
  protected abstract unexpected(status: number, place: string): Fault;
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
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  return (reasons[code] ?? code) || "the connection failed";
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
