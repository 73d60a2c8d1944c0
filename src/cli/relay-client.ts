import { z } from "zod";
import { pageOfSchema, problem as problemSchema } from "../api/schemas/common.ts";
import { type Answer, type Outcome, type Query, joined, queryText, tryParseLosslessly } from "../platform/http.ts";
import { type AccessHeaders, accessRemedy, isFromAccess } from "./cloudflare-access.ts";
import { Fault } from "./fault.ts";
import { sendInTime } from "./network.ts";
import { type World, realWorld } from "./world.ts";

const ANSWERS_WITHIN_MS = 30_000;
const LARGEST_PAGE = 100;

const problem = problemSchema.pick({ code: true, detail: true });

type Problem = z.output<typeof problem>;

/** The operator's API refused, or what answers is not it. */
export class RelayRefusal extends Fault {
  readonly status: number;
  readonly code: string;

  constructor(url: string, status: number, { code, detail }: Problem) {
    super(`${detail.replace(/\.$/, "")} (${status} ${code}, ${url}).`, { remedy: remedies[code] });
    this.status = status;
    this.code = code;
  }
}

const remedies: Readonly<Record<string, string>> = {
  unauthorized: "Set ADMIN_TOKEN to the relay's own, or to the token that was made for you.",
  forbidden: "Set ADMIN_TOKEN to a token that may do this.",
  idempotency_in_progress:
    "The first request is still being worked on, and its answer was lost. Look at what is there before you ask for it again.",
  not_connected: "`npm run qonto -- connect` says where.",
  connection_busy: "The relay looks after it every minute: try again in half a minute.",
  too_many_rotations: "Wait until then, or end the old secrets at once with --overlap 0.",
  too_many_requests: "Wait a minute, and make sure of ADMIN_TOKEN: wrong tokens are slowed down.",
  not_configured:
    "Set it right with `npx wrangler secret put`, or in .dev.vars; `openssl rand -base64 32` makes a token. Without ENCRYPTION_KEYS put the token that it replaces there: the destinations' secrets are encrypted with it.",
  behind_access: accessRemedy("/api"),
  not_a_relay: "Give the relay's address with --url or RELAY_URL.",
  other_version: "Deploy the relay with `npm run deploy`, or use the command line of the version that is deployed.",
};

/** The relay did not answer, or not in time. */
export class RelayUnreachable extends Fault {
  constructor(url: string, reason: string) {
    super(`The relay at ${url} does not answer: ${reason}.`, {
      remedy: "Start it with `npm start`, or give its address with --url or RELAY_URL.",
    });
  }
}

interface RelayAccess {
  readonly accessHeaders?: AccessHeaders;
  readonly answersWithinMs?: number;
  readonly world?: World;
}

interface ApiRequest {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  readonly path: string;
  readonly body?: object;
}

/** The operator's API over the network. Its answers are parsed by the schema that the caller gives. */
export class RelayClient {
  readonly url: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #answersWithinMs: number;
  readonly #world: World;

  constructor(
    url: string,
    token: string,
    { accessHeaders = {}, answersWithinMs = ANSWERS_WITHIN_MS, world = realWorld }: RelayAccess = {},
  ) {
    this.url = url;
    this.#headers = { accept: "application/json", ...accessHeaders, authorization: `Bearer ${token}` };
    this.#answersWithinMs = answersWithinMs;
    this.#world = world;
  }

  get<Schema extends z.ZodType>(path: string, schema: Schema, query: Query = {}): Promise<z.output<Schema>> {
    return this.#call({ method: "GET", path: path + queryText(query) }, schema);
  }

  post<Schema extends z.ZodType>(path: string, body: object, schema: Schema): Promise<z.output<Schema>> {
    return this.#call({ method: "POST", path, body }, schema);
  }

  patch<Schema extends z.ZodType>(path: string, body: object, schema: Schema): Promise<z.output<Schema>> {
    return this.#call({ method: "PATCH", path, body }, schema);
  }

  async delete(path: string): Promise<void> {
    await this.#call({ method: "DELETE", path }, z.unknown());
  }

  /** The items of a list, of all its pages up to `limit` items. */
  async *list<Schema extends z.ZodType>(
    path: string,
    item: Schema,
    { limit = Infinity, ...query }: Query & { readonly limit?: number | undefined } = {},
  ): AsyncGenerator<z.output<Schema>> {
    const schema = pageOfSchema(item);
    let left = limit;
    let cursor: string | undefined;
    do {
      const page = await this.get(path, schema, { ...query, limit: Math.min(left, LARGEST_PAGE), cursor });
      yield* page.data;
      left -= page.data.length;
      cursor = page.next_cursor ?? undefined;
    } while (cursor !== undefined && left > 0);
  }

  async #call<Schema extends z.ZodType>(request: ApiRequest, schema: Schema): Promise<z.output<Schema>> {
    const outcome = await this.#send(request);
    if (outcome.status === null) throw new RelayUnreachable(this.url, outcome.reason);
    const json = tryParseLosslessly(outcome.text);
    if (outcome.status < 200 || outcome.status > 299) throw this.#refusal(outcome, json);
    const parsed = schema.safeParse(json);
    if (parsed.success) return parsed.data;
    throw this.#unexpected(outcome.status, parsed.error.issues[0]?.path.join(".") ?? "");
  }

  /** A POST whose answer is lost is sent once more under the same key: the relay does it once. */
  async #send({ method, path, body }: ApiRequest): Promise<Outcome> {
    const init = {
      method,
      headers: {
        ...this.#headers,
        ...(body !== undefined && { "content-type": "application/json" }),
        ...(method === "POST" && { "idempotency-key": crypto.randomUUID() }),
      },
      body: body === undefined ? null : JSON.stringify(body),
      answersWithinMs: this.#answersWithinMs,
    };
    const send = () => sendInTime(joined(this.url, path), init, this.#world);
    const outcome = await send();
    return outcome.status === null && method === "POST" ? send() : outcome;
  }

  #refusal(answer: Answer, json: unknown): RelayRefusal {
    const notOurs = isFromAccess(answer, this.url) ? behindAccess : notARelay;
    return new RelayRefusal(this.url, answer.status, problem.safeParse(json).data ?? notOurs);
  }

  /** Of a 2xx that does not fit the schema at `place`, which is empty for the whole answer. */
  #unexpected(status: number, place: string): RelayRefusal {
    const detail = `The relay's answer is not as this command line expects, at \`${place}\``;
    return new RelayRefusal(this.url, status, place === "" ? notARelay : { code: "other_version", detail });
  }
}

const behindAccess = { code: "behind_access", detail: "Cloudflare Access protects the relay's API" };

const notARelay = { code: "not_a_relay", detail: "What answers there is not this relay" };
