import { z } from "zod";
import { type Query, networkReason, queryText } from "../network.ts";
import { printable } from "../output.ts";
import { tryParseJson } from "../../platform/json.ts";
import type { World } from "../world.ts";
import type { Log } from "./log.ts";

/** A token, of the environment or of `wrangler login`, or an account's global key. */
export type Credentials = { readonly token: string } | { readonly key: string; readonly email: string };

/** A call of Cloudflare's API that came to nothing. The message has no full stop at its end. */
export abstract class ApiError extends Error {}

/** Of Workers, and of an account's part of workers.dev. */
const NOT_FOUND = 10_007;

/** Cloudflare has answered, and did not do what it was asked. */
export class Refusal extends ApiError {
  override readonly name = "Refusal";
  readonly status: number;
  readonly #codes: readonly number[];

  constructor(message: string, status: number, codes: readonly number[]) {
    super(message);
    this.status = status;
    this.#codes = codes;
  }

  /** Whether what was asked for does not exist. */
  get isNotFound(): boolean {
    return this.status === 404 || this.#codes.includes(NOT_FOUND);
  }

  /** Whether somebody was refused, rather than what he asked for. */
  get isPermissionMissing(): boolean {
    return [401, 403].includes(this.status);
  }
}

/** No answer, or none that can be read: whether the call had its effect, nobody knows. */
export class NoAnswer extends ApiError {
  override readonly name = "NoAnswer";
}

/** How long one call may take, and how long to wait before each further try of one that only reads. */
const CALL_TIMEOUT_MS = 25_000;
const RETRY_WAITS_MS = [1_000, 4_000];

/** No list that concerns the relay is longer; an API whose pages never end is not followed for ever. */
const MOST_PAGES = 100;

const envelope = z.object({
  success: z.boolean(),
  errors: z.array(z.object({ code: z.number(), message: z.string() })).nullish(),
  result: z.unknown(),
  result_info: z.object({ page: z.number(), per_page: z.number(), total_count: z.number() }).partial().nullish(),
});

type Envelope = z.output<typeof envelope>;

interface Call {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  readonly path: string;
  readonly body?: unknown;
}

/** Cloudflare's API, version 4. Every call throws `Refusal` or `NoAnswer`. */
export class Api {
  readonly #baseUrl: string;
  readonly #credentials: Credentials;
  readonly #world: World;
  readonly #log: Log;

  constructor(credentials: Credentials, { baseUrl, world, log }: { baseUrl: string; world: World; log: Log }) {
    this.#baseUrl = baseUrl;
    this.#credentials = credentials;
    this.#world = world;
    this.#log = log;
  }

  async get<Schema extends z.ZodType>(path: string, schema: Schema): Promise<z.output<Schema>> {
    return read(schema, path, await this.#repeated({ method: "GET", path }));
  }

  /** Null for what does not exist. */
  async find<Schema extends z.ZodType>(path: string, schema: Schema): Promise<z.output<Schema> | null> {
    try {
      return await this.get(path, schema);
    } catch (error) {
      if (error instanceof Refusal && error.isNotFound) return null;
      throw error;
    }
  }

  /** All pages of a list. */
  async list<Schema extends z.ZodType>(path: string, item: Schema, query: Query = {}): Promise<z.output<Schema>[]> {
    const items: z.output<Schema>[] = [];
    for (let page = 1; page <= MOST_PAGES; page += 1) {
      const answer = await this.#repeated({ method: "GET", path: path + queryText({ ...query, page }) });
      const found = read(z.array(item), path, answer);
      items.push(...found);
      const { per_page = 0, total_count = 0 } = answer.result_info ?? {};
      if (found.length === 0 || page * per_page >= total_count) break;
    }
    return items;
  }

  /** A POST that changes nothing. */
  async query<Schema extends z.ZodType>(path: string, body: unknown, schema: Schema): Promise<z.output<Schema>> {
    return read(schema, path, await this.#repeated({ method: "POST", path, body }));
  }

  /** A call that may change something is made once. */
  async change(method: "POST" | "PATCH" | "DELETE", path: string, body?: unknown): Promise<void> {
    await this.#call({ method, path, body });
  }

  async #repeated(call: Call): Promise<Envelope> {
    for (const waitMs of RETRY_WAITS_MS) {
      try {
        return await this.#call(call);
      } catch (error) {
        if (!mayPass(error)) throw error;
        await this.#world.wait(waitMs);
      }
    }
    return this.#call(call);
  }

  async #call({ method, path, body }: Call): Promise<Envelope> {
    try {
      const answer = await this.#fetch({ method, path, body });
      this.#log.add(`${method} ${path}: done`);
      return answer;
    } catch (error) {
      if (error instanceof ApiError) this.#log.add(`${method} ${path}: ${error.message}`);
      throw error;
    }
  }

  async #fetch({ method, path, body }: Call): Promise<Envelope> {
    let status: number;
    let text: string;
    try {
      const response = await this.#world.fetch(this.#baseUrl + path, {
        method,
        headers: { ...authorization(this.#credentials), "content-type": "application/json" },
        signal: this.#world.timeout(CALL_TIMEOUT_MS),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      status = response.status;
      text = await response.text();
    } catch (error) {
      throw new NoAnswer(networkReason(error));
    }
    const answer = envelope.safeParse(tryParseJson(text)).data;
    if (answer?.success === true && status < 300) return answer;
    const errors = answer?.errors ?? [];
    const says = printable(errors.map(({ message, code }) => `${message} [code: ${code}]`).join("; "));
    const described = says === "" ? `status ${status}` : `${says} (status ${status})`;
    if (status >= 500 || answer === undefined) throw new NoAnswer(described);
    throw new Refusal(
      described,
      status,
      errors.map(({ code }) => code),
    );
  }
}

function read<Schema extends z.ZodType>(schema: Schema, path: string, { result }: Envelope): z.output<Schema> {
  const parsed = schema.safeParse(result);
  if (parsed.success) return parsed.data;
  throw new NoAnswer(
    `the answer of ${path} cannot be read: ${parsed.error.issues[0]?.message ?? "it has another shape"}`,
  );
}

function mayPass(error: unknown): boolean {
  return error instanceof NoAnswer || (error instanceof Refusal && error.status === 429);
}

function authorization(credentials: Credentials): Record<string, string> {
  return "token" in credentials
    ? { authorization: `Bearer ${credentials.token}` }
    : { "x-auth-key": credentials.key, "x-auth-email": credentials.email };
}
