import { z } from "zod";
import {
  type Answer,
  type Outcome,
  type Query,
  joined,
  queryText,
  send,
  tryParseLosslessly,
} from "../platform/http.ts";
import type { Fault } from "./fault.ts";
import type { World } from "./world.ts";

/** Sends one request. It comes to nothing when no answer came in time. */
export function sendInTime(
  url: string,
  { answersWithinMs, ...init }: Omit<RequestInit, "redirect" | "signal"> & { readonly answersWithinMs: number },
  world: World,
): Promise<Outcome> {
  return send(url, { ...init, signal: world.timeout(answersWithinMs) }, world);
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
    return sendInTime(joined(baseUrl, path), init, world);
  }

  /** Milliseconds to wait before a request is sent again, for the first time with `retry` 1; null: it is not. */
  protected abstract retryWaitMs(outcome: Outcome, method: string, retry: number): number | null;

  protected abstract unreachable(reason: string): Fault;

  /** Of an answer that is no 2xx. `json` is undefined where it holds none. */
  protected abstract refusal(answer: Answer, json: unknown): Fault;

  /** Of a 2xx that does not fit the schema at `place`, which is empty for the whole answer. */
  protected abstract unexpected(status: number, place: string): Fault;
}
