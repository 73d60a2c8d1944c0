import { parseRetryAfter } from "../domain/retry-after.ts";
import { z } from "zod";
import { Fault } from "./fault.ts";
import {
  HttpClient,
  type HttpRequest,
  type Outcome,
  type Query,
  dateOf,
  queryText,
  tryParseLosslessly,
} from "./network.ts";
import type { World } from "./world.ts";

/** Qonto counts in windows of 10 s and 10 min. A longer wait ends the command with that said. */
const usualPatience: Patience = { answersWithinMs: 30_000, mostRetries: 6, longestWaitMs: 120_000 };

/** Wait before the first retry of a request that was not told how long to wait; it doubles. */
const BACK_OFF_MS = 1_000;

const LARGEST_PAGE = 100;
/** Qonto lists no more results of one query than this. */
export const MOST_RESULTS = 10_000;

export interface QontoAccess {
  readonly baseUrl: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Is told that the client waits, and why. */
  readonly progress: (text: string) => void;
  /** Least time from one request to the next. */
  readonly spacingMs?: number;
  readonly patience?: Patience;
  readonly world: World;
}

interface Patience {
  readonly answersWithinMs: number;
  readonly mostRetries: number;
  /** Where Qonto asks for a longer wait, the client does not retry. */
  readonly longestWaitMs: number;
}

/** Qonto refused, or answered something else than it documents. */
export class QontoRefusal extends Fault {
  readonly status: number;

  constructor(status: number, detail: string) {
    const remedy = remedyOf(status);
    super(
      `Qonto ${status < 300 ? "answers" : "refuses"} (${status}): ${detail}`,
      remedy === undefined ? {} : { remedy },
    );
    this.status = status;
  }
}

export const qontoRemedies = {
  401: "Get a new OAuth access token and set QONTO_ACCESS_TOKEN; for the sandbox set QONTO_STAGING_TOKEN too.",
  403: "The token lacks a scope: subscriptions need `webhook`, and each type its own.",
  404: "It is not there, or belongs to another user or client: `subscriptions list` shows yours.",
  429: "Too many requests. Wait some minutes, and run it again.",
} as const;

function remedyOf(status: number): string | undefined {
  const all: Readonly<Record<number, string>> = qontoRemedies;
  return all[status];
}

/** A query that has more results than Qonto lists. */
export class TooManyResults extends Fault {
  constructor() {
    super(`Qonto lists no more than ${MOST_RESULTS} results of one query.`, { remedy: "Ask for a shorter time." });
  }
}

/** One page of a list. */
export interface Page<Item> {
  readonly items: readonly Item[];
  /** Results of the whole query; null when Qonto does not say. */
  readonly total: number | null;
}

/** Qonto's HTTP API: pages, its errors as sentences, its rate limit with waiting. */
export class QontoClient {
  readonly #http: HttpClient;
  readonly #spacingMs: number;
  readonly #world: World;
  #nextAtMs = 0;
  #answeredAtMs: number | null = null;
  #clockAheadMs: number | null = null;

  constructor({ baseUrl, headers, progress, spacingMs = 0, patience = usualPatience, world }: QontoAccess) {
    this.#spacingMs = spacingMs;
    this.#world = world;
    this.#http = new HttpClient({
      baseUrl,
      headers,
      answersWithinMs: patience.answersWithinMs,
      world,
      retryWaitMs: (outcome, request, retry) => {
        this.#readClock(outcome);
        const waitMs = retryWaitMs(outcome, request, { retry, patience, nowMs: world.now() });
        if (waitMs !== null) {
          const tries = `try ${retry + 1} of ${patience.mostRetries + 1}`;
          progress(`${troubleOf(outcome)}: waiting ${Math.ceil(waitMs / 1000)} s, then ${tries} …`);
        }
        return waitMs;
      },
    });
  }

  /** What Qonto's clock said with its last answer that was no refusal, Unix milliseconds; null before the first. */
  get answeredAtMs(): number | null {
    return this.#answeredAtMs;
  }

  /** How far Qonto's clock was ahead of this machine's with its last answer; null before the first. */
  get clockAheadMs(): number | null {
    return this.#clockAheadMs;
  }

  get<Schema extends z.ZodType>(path: string, schema: Schema, query: Query = {}): Promise<z.output<Schema>> {
    return this.#call({ method: "GET", path: path + queryText(query) }, schema);
  }

  post<Schema extends z.ZodType>(path: string, body: object, schema: Schema): Promise<z.output<Schema>> {
    return this.#call({ method: "POST", path, body }, schema);
  }

  put<Schema extends z.ZodType>(path: string, body: object, schema: Schema): Promise<z.output<Schema>> {
    return this.#call({ method: "PUT", path, body }, schema);
  }

  async delete(path: string): Promise<void> {
    await this.#call({ method: "DELETE", path }, z.unknown());
  }

  /** The items of a list under its key (`subscriptions`, `transactions`, …), of all its pages. */
  async *list<Schema extends z.ZodType>(
    path: string,
    key: string,
    item: Schema,
    query: Query = {},
  ): AsyncGenerator<z.output<Schema>> {
    for await (const { items } of this.pages(path, key, item, query)) yield* items;
  }

  /** The same by pages. Throws TooManyResults, at the latest on the page behind which Qonto lists no more. */
  async *pages<Schema extends z.ZodType>(
    path: string,
    key: string,
    item: Schema,
    query: Query = {},
  ): AsyncGenerator<Page<z.output<Schema>>> {
    let read = 0;
    let before = 0;
    let promised = 0;
    for (let page = 1; ;) {
      const answer = await this.#page(path, { ...query, page }, promised > 0 ? before : null);
      if (answer === null) return;
      const items = parseAs(z.array(item), answer[key], { status: 200, place: key });
      const total = answer.meta?.total_count ?? null;
      read += items.length;
      promised = (total ?? 0) - read;
      yield { items, total };
      const next = answer.meta?.next_page ?? page;
      // A page that leads back would never end.
      if (next <= page) return;
      before = page;
      page = next;
    }
  }

  /** Null past the last page: the list has become shorter meanwhile. `before` is the page that promised more. */
  async #page(
    path: string,
    query: Query & { readonly page: number },
    before: number | null,
  ): Promise<z.output<typeof pageOfList> | null> {
    try {
      return await this.#askForPage(path, query);
    } catch (error) {
      if (!(error instanceof QontoRefusal) || error.status !== 422 || query.page === 1) throw error;
      const perPage = Number(query["per_page"] ?? LARGEST_PAGE);
      if (query.page * perPage > MOST_RESULTS) throw new TooManyResults();
      if (before === null) return null;
      // One that has become shorter does not promise this page any longer.
      const again = await this.#askForPage(path, { ...query, page: before });
      if ((again.meta?.next_page ?? before) > before) throw new TooManyResults();
      return null;
    }
  }

  #askForPage(path: string, query: Query): Promise<z.output<typeof pageOfList>> {
    return this.get(path, pageOfList, { per_page: LARGEST_PAGE, ...query });
  }

  async #call<Schema extends z.ZodType>(request: HttpRequest, schema: Schema): Promise<z.output<Schema>> {
    await this.#waitForTurn();
    const outcome = await this.#http.request(request);
    if (outcome.status === null) {
      throw new Fault(`Qonto's API does not answer: ${outcome.reason}.`, { remedy: UNREACHABLE_REMEDY });
    }
    const { status, text } = outcome;
    const json = tryParseLosslessly(text);
    if (status < 200 || status > 299) throw new QontoRefusal(status, describeErrors(json));
    this.#answeredAtMs = dateOf(outcome) ?? this.#answeredAtMs;
    return parseAs(schema, json, { status, place: "" });
  }

  #readClock(outcome: Outcome): void {
    const date = outcome.status === null ? null : dateOf(outcome);
    if (date !== null) this.#clockAheadMs = date - this.#world.now();
  }

  async #waitForTurn(): Promise<void> {
    const now = this.#world.elapsedMs();
    const at = Math.max(now, this.#nextAtMs);
    this.#nextAtMs = at + this.#spacingMs;
    if (at > now) await this.#world.wait(at - now);
  }
}

export const UNREACHABLE_REMEDY = "Look at the connection, and at QONTO_API_URL if it is set.";

const pageOfList = z.looseObject({
  meta: z.object({ next_page: z.number().nullish(), total_count: z.number().nullish() }).optional(),
});

function parseAs<Schema extends z.ZodType>(
  schema: Schema,
  json: unknown,
  { status, place }: { readonly status: number; readonly place: string },
): z.output<Schema> {
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const where = [place, ...(parsed.error.issues[0]?.path ?? [])].filter((step) => step !== "").join(".");
  throw new QontoRefusal(status, `its answer is not as documented (${where || "no JSON object"}).`);
}

/** A request that the rate limit refused has done nothing. Of others, only those that change nothing are sent again. */
function retryWaitMs(
  outcome: Outcome,
  { method }: HttpRequest,
  { retry, patience, nowMs }: { readonly retry: number; readonly patience: Patience; readonly nowMs: number },
): number | null {
  const { mostRetries, longestWaitMs } = patience;
  const askedMs = retryAfterMs(outcome, nowMs);
  if (retry > mostRetries || (askedMs ?? 0) > longestWaitMs) return null;
  const isTransient =
    outcome.status === 429 || (method === "GET" && (outcome.status === null || outcome.status >= 500));
  return isTransient ? (askedMs ?? Math.min(BACK_OFF_MS * 2 ** (retry - 1), longestWaitMs)) : null;
}

/** What `Retry-After` asks for; null without it. */
function retryAfterMs(outcome: Outcome, nowMs: number): number | null {
  if (outcome.status === null || outcome.status < 400) return null;
  const seconds = parseRetryAfter(outcome.headers.get("retry-after"), nowMs);
  return seconds === null ? null : seconds * 1000;
}

/** Why the client waits. */
function troubleOf(outcome: Outcome): string {
  if (outcome.status === null) return `Qonto does not answer (${outcome.reason})`;
  return outcome.status === 429 ? "Qonto's rate limit is reached" : "Qonto does not answer well";
}

const flatError = z.object({
  code: z.string().optional(),
  detail: z.string().optional(),
  message: z.string().optional(),
  source: z.object({ pointer: z.string().optional(), parameter: z.string().optional() }).nullish(),
});
const errorBody = z.union([
  z.object({ errors: z.array(flatError).min(1) }),
  flatError.transform((one) => ({ errors: [one] })),
]);

/** Qonto's two forms of an error, `{code, detail, source}` and `{errors: […]}`, as a sentence. */
function describeErrors(body: unknown): string {
  const errors = errorBody.safeParse(body).data?.errors ?? [];
  const sentences = errors.flatMap(({ code, detail, message, source }) => {
    const text = detail ?? message ?? code;
    const place = source?.pointer ?? source?.parameter;
    return text === undefined ? [] : [place === undefined ? text : `${text.replace(/\.$/, "")} (${place})`];
  });
  return sentences.length === 0 ? "it does not say why." : `${sentences.join("; ").replace(/\.$/, "")}.`;
}
