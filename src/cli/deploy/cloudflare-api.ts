import { z } from "zod";
import { tryParseJson } from "../../platform/json.ts";
import { type Outcome, type Query, queryText } from "../../platform/http.ts";
import { sendInTime } from "../network.ts";
import { printable } from "../output.ts";
import type { Context } from "./context.ts";

const CLOUDFLARE = "https://api.cloudflare.com/client/v4";

/** An API token, an OAuth token of `wrangler login`, or a global API key. */
export const credentials = z.union([z.object({ token: z.string() }), z.object({ key: z.string(), email: z.string() })]);

export type Credentials = z.output<typeof credentials>;

/** Cloudflare's error code for a Worker, or a workers.dev subdomain, that does not exist. */
const NOT_FOUND = 10_007;

/** A call of Cloudflare's API failed. The message has no full stop at its end. */
export class ApiError extends Error {
  /** Of a refusal or a redirect. Null: no answer, a 5xx, or one that cannot be read. Then the call may have had its effect. */
  readonly status: number | null;
  readonly isNotFound: boolean;

  constructor(message: string, status: number | null = null, codes: readonly number[] = []) {
    super(message);
    this.status = status;
    this.isNotFound = status === 404 || codes.includes(NOT_FOUND);
  }

  get isRedirect(): boolean {
    return this.status !== null && isRedirection(this.status);
  }

  get isPermissionMissing(): boolean {
    return this.status === 401 || this.status === 403;
  }
}

/** Handles the failure of a call. Any other error is thrown. */
export async function onApiError<Value, Other>(
  work: Promise<Value>,
  handle: (error: ApiError) => Other,
): Promise<Value | Other> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof ApiError) return handle(error);
    throw error;
  }
}

const CALL_TIMEOUT_MS = 25_000;
/** Waits before each retry of a call that only reads. */
const RETRY_WAITS_MS = [1_000, 4_000];

/** Ends a list whose pages never end. */
const MAX_PAGES = 100;

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

type Surroundings = Pick<Context, "env" | "world" | "log">;

/** Cloudflare's API, version 4. Every call throws `ApiError`. */
export class CloudflareApi {
  readonly #credentials: Credentials;
  readonly #surroundings: Surroundings;
  /** Stands before the path of every call. */
  readonly #prefix: string;

  constructor(credentials: Credentials, surroundings: Surroundings, prefix = "") {
    this.#credentials = credentials;
    this.#surroundings = surroundings;
    this.#prefix = prefix;
  }

  /** The same API with the paths of one account. */
  ofAccount(id: string): CloudflareApi {
    return new CloudflareApi(this.#credentials, this.#surroundings, `/accounts/${id}`);
  }

  async get<Schema extends z.ZodType>(path: string, schema: Schema): Promise<z.output<Schema>> {
    return read(schema, path, await this.#repeated({ method: "GET", path }));
  }

  /** Null for what does not exist. */
  async find<Schema extends z.ZodType>(path: string, schema: Schema): Promise<z.output<Schema> | null> {
    return onApiError(this.get(path, schema), (error) => {
      if (error.isNotFound) return null;
      throw error;
    });
  }

  /** All pages of a list. */
  async list<Schema extends z.ZodType>(path: string, item: Schema, query: Query = {}): Promise<z.output<Schema>[]> {
    const items: z.output<Schema>[] = [];
    for (let page = 1; page <= MAX_PAGES; page += 1) {
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
        if (!(error instanceof ApiError && (error.status === null || error.status === 429))) throw error;
        await this.#surroundings.world.wait(waitMs);
      }
    }
    return this.#call(call);
  }

  async #call({ method, path, body }: Call): Promise<Envelope> {
    const { env, world, log } = this.#surroundings;
    const address = this.#prefix + path;
    const outcome = await sendInTime(
      (env["CLOUDFLARE_API_BASE_URL"] || CLOUDFLARE) + address,
      {
        method,
        headers: { ...authorization(this.#credentials), "content-type": "application/json" },
        answersWithinMs: CALL_TIMEOUT_MS,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      },
      world,
    );
    const answer = answerOf(outcome);
    log.add(`${method} ${address}: ${answer instanceof ApiError ? answer.message : "done"}`);
    if (answer instanceof ApiError) throw answer;
    return answer;
  }
}

function answerOf(outcome: Outcome): Envelope | ApiError {
  if (outcome.status === null) return new ApiError(outcome.reason);
  const { status, text } = outcome;
  if (isRedirection(status)) {
    return new ApiError(`the answer is a redirect (status ${status}), which is not followed`, status);
  }
  const answer = envelope.safeParse(tryParseJson(text)).data;
  if (answer?.success === true && status < 300) return answer;
  const errors = answer?.errors ?? [];
  const says = printable(errors.map(({ message, code }) => `${message} [code: ${code}]`).join("; "));
  const described = says === "" ? `status ${status}` : `${says} (status ${status})`;
  if (status >= 500 || answer === undefined) return new ApiError(described);
  const codes = errors.map(({ code }) => code);
  return new ApiError(described, status, codes);
}

function isRedirection(status: number): boolean {
  return status >= 300 && status < 400;
}

function read<Schema extends z.ZodType>(schema: Schema, path: string, { result }: Envelope): z.output<Schema> {
  const parsed = schema.safeParse(result);
  if (parsed.success) return parsed.data;
  throw new ApiError(
    `the answer of ${path} cannot be read: ${parsed.error.issues[0]?.message ?? "it has another shape"}`,
  );
}

function authorization(credentials: Credentials): Record<string, string> {
  return "token" in credentials
    ? { authorization: `Bearer ${credentials.token}` }
    : { "x-auth-key": credentials.key, "x-auth-email": credentials.email };
}
