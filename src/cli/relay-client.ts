import { z } from "zod";
import { type AccessHeaders, accessRemedy, isFromAccess } from "./cloudflare-access.ts";
import { Fault } from "./fault.ts";
import { type Query, networkReason, queryText, tryParseLosslessly } from "./network.ts";

const ANSWERS_WITHIN_MS = 30_000;
const LARGEST_PAGE = 100;

const problem = z.object({ code: z.string(), detail: z.string() });

/** The operator's API said no. */
export class RelayRefusal extends Fault {
  readonly status: number;
  readonly code: string;

  constructor(url: string, status: number, { code, detail }: z.output<typeof problem>) {
    const remedy = remedies[code];
    super(`${detail.replace(/\.$/, "")} (${status} ${code}, ${url}).`, remedy === undefined ? {} : { remedy });
    this.status = status;
    this.code = code;
  }
}

const remedies: Readonly<Record<string, string>> = {
  unauthorized: "Set ADMIN_TOKEN to the relay's own, or to the token that was made for you.",
  forbidden: "This token may only read. Set ADMIN_TOKEN to one that may change things.",
  idempotency_in_progress:
    "It is being done, and its answer was lost: look at what is there before you ask for it again.",
  too_many_rotations: "Wait until then, or end the old secrets at once with --overlap 0.",
  too_many_requests: "Wait a minute, and make sure of ADMIN_TOKEN: wrong tokens are slowed down.",
  not_configured:
    "Set it right with `npx wrangler secret put`, or in .dev.vars; `openssl rand -base64 32` makes a token. Without ENCRYPTION_KEYS put the token that it replaces there: the destinations' secrets are encrypted with it.",
  behind_access: accessRemedy("/api"),
  not_a_relay: "Give the relay's address with --url or RELAY_URL.",
};

/** Nobody answered, or not in time. */
export class RelayUnreachable extends Fault {
  constructor(url: string, reason: string) {
    super(`The relay at ${url} does not answer: ${reason}.`, {
      remedy: "Start it with `npm start`, or give its address with --url or RELAY_URL.",
    });
  }
}

interface Content {
  readonly body?: object;
  /** Of what must not be done twice. */
  readonly key?: string;
}

/** The operator's API over the network. What it answers is parsed by the schema that the caller gives. */
export class RelayClient {
  readonly url: string;
  readonly #token: string;
  readonly #accessHeaders: AccessHeaders;
  readonly #answersWithinMs: number;
  readonly #fetch: typeof fetch;

  constructor(
    url: string,
    token: string,
    {
      accessHeaders = {},
      answersWithinMs = ANSWERS_WITHIN_MS,
      fetch = globalThis.fetch,
    }: {
      readonly accessHeaders?: AccessHeaders;
      readonly answersWithinMs?: number;
      readonly fetch?: typeof globalThis.fetch;
    } = {},
  ) {
    this.url = url;
    this.#token = token;
    this.#accessHeaders = accessHeaders;
    this.#answersWithinMs = answersWithinMs;
    this.#fetch = fetch;
  }

  get<Schema extends z.ZodType>(path: string, schema: Schema, query: Query = {}): Promise<z.output<Schema>> {
    return this.#call("GET", path + queryText(query), schema);
  }

  /** Whose answer is lost is asked once more under the same key: the relay does it once. */
  async post<Schema extends z.ZodType>(path: string, body: object, schema: Schema): Promise<z.output<Schema>> {
    const key = crypto.randomUUID();
    try {
      return await this.#call("POST", path, schema, { body, key });
    } catch (error) {
      if (!(error instanceof RelayUnreachable)) throw error;
      return this.#call("POST", path, schema, { body, key });
    }
  }

  patch<Schema extends z.ZodType>(path: string, body: object, schema: Schema): Promise<z.output<Schema>> {
    return this.#call("PATCH", path, schema, { body });
  }

  async delete(path: string): Promise<void> {
    await this.#call("DELETE", path, z.unknown());
  }

  /** The items of a list, of all its pages up to `limit` items. */
  async *list<Schema extends z.ZodType>(
    path: string,
    item: Schema,
    { limit = Infinity, ...query }: Query & { readonly limit?: number | undefined } = {},
  ): AsyncGenerator<z.output<Schema>> {
    const schema = z.object({ data: z.array(item), next_cursor: z.string().nullable() });
    let left = limit;
    let cursor: string | undefined;
    do {
      const page = await this.get(path, schema, { ...query, limit: Math.min(left, LARGEST_PAGE), cursor });
      yield* page.data;
      left -= page.data.length;
      cursor = page.next_cursor ?? undefined;
    } while (cursor !== undefined && left > 0);
  }

  async #call<Schema extends z.ZodType>(
    method: string,
    path: string,
    schema: Schema,
    content: Content = {},
  ): Promise<z.output<Schema>> {
    const { response, text } = await this.#request(method, path, content);
    const { status } = response;
    const answer = status === 204 ? undefined : tryParseLosslessly(text);
    if (status < 200 || status > 299) {
      throw new RelayRefusal(this.url, status, problem.safeParse(answer).data ?? this.#strangerOf(response));
    }
    const parsed = schema.safeParse(answer);
    if (!parsed.success) throw new RelayRefusal(this.url, status, noRelay);
    return parsed.data;
  }

  /** Who answers without a word of the relay's. */
  #strangerOf(response: Response): z.output<typeof problem> {
    return isFromAccess(response, this.url) ? access : noRelay;
  }

  async #request(method: string, path: string, { body, key }: Content): Promise<{ response: Response; text: string }> {
    try {
      const response = await this.#fetch(this.url + path, {
        method,
        headers: {
          ...this.#accessHeaders,
          authorization: `Bearer ${this.#token}`,
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...(key === undefined ? {} : { "idempotency-key": key }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        // Anyone stands behind a redirect is not who the token is for.
        redirect: "manual",
        signal: AbortSignal.timeout(this.#answersWithinMs),
      });
      return { response, text: await response.text() };
    } catch (error) {
      throw new RelayUnreachable(this.url, networkReason(error));
    }
  }
}

const access = { code: "behind_access", detail: "Cloudflare Access stands before the relay's API" };

const noRelay = { code: "not_a_relay", detail: "What answers there is not this relay, or is another version of it" };
