import { z } from "zod";
import { parseRetryAfter } from "../domain/retry-after.ts";
import {
  type Answer,
  type Outcome,
  type Query,
  dateOf,
  joined,
  queryText,
  send,
  tryParseLosslessly,
} from "../platform/http.ts";
import { sleep } from "../platform/timeout.ts";
import type { World } from "../platform/world.ts";
import { describeErrors, secretsSent } from "./error-text.ts";

/** How long a client waits for Qonto, and how often it asks again. */
export interface Patience {
  readonly answersWithinMs: number;
  readonly mostRetries: number;
  /** Where Qonto asks for a longer wait, the client does not retry. */
  readonly longestWaitMs: number;
}

/** A Worker keeps how far it is, and goes on in a later run. */
const workersPatience: Patience = { answersWithinMs: 10_000, mostRetries: 1, longestWaitMs: 2_000 };

/** Wait before the first retry of a request that was not told how long to wait; it doubles. */
const BACK_OFF_MS = 1_000;

const LARGEST_PAGE = 100;
/** Qonto lists no more results of one query than this. */
export const MOST_RESULTS = 10_000;

/** A hundred items take a fraction of it. */
const LARGEST_ANSWER_BYTES = 8_000_000;

/** An access token that can be renewed. */
interface Authorization {
  /** Value of the header `Authorization`. */
  readonly header: () => Promise<string>;
  /** Is asked once for each call that Qonto answers with 401. True: the call is worth repeating. */
  readonly renewed: () => Promise<boolean>;
}

export interface QontoAccess {
  readonly baseUrl: string;
  /** Sent with each request. Names in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Null: the credentials are among the headers. */
  readonly authorization?: Authorization | null;
  readonly world: ClientWorld;
  readonly patience?: Patience;
  /** Least time from one request to the next. */
  readonly spacingMs?: number;
  /** Is told that the client waits, and why. */
  readonly progress?: (text: string) => void;
}

/** Time and network. The command line measures and waits in its own way. */
interface ClientWorld extends Pick<World, "now" | "setTimer" | "fetch"> {
  /** Milliseconds, from any beginning, to measure with. */
  readonly elapsedMs?: () => number;
  readonly wait?: (ms: number) => Promise<unknown>;
}

/** Qonto refused, or answered something else than it documents. Asking again brings the same. */
export class QontoRefusal extends Error {
  override readonly name = "QontoRefusal";
  readonly status: number;
  /** Qonto's name of the error; null when it gives none. */
  readonly code: string | null;
  /** A sentence, Qonto's own where it says why. */
  readonly detail: string;

  constructor(status: number, detail: string, code: string | null = null) {
    super(`Qonto ${verbOf(status)} (${status}): ${detail}`);
    this.status = status;
    this.detail = detail;
    this.code = code;
  }
}

/** Qonto did not answer, or not with JSON, has a fault of its own, or limits the rate: the same call may succeed later. */
export class QontoUnavailable extends Error {
  override readonly name = "QontoUnavailable";
  /** Null: there was no answer. */
  readonly status: number | null;
  /** How long Qonto asks to wait; null when it does not say. */
  readonly retryAfterSeconds: number | null;

  constructor(status: number | null, why: string, retryAfterSeconds: number | null = null) {
    super(status === null ? `Qonto's API does not answer: ${why}.` : `Qonto ${verbOf(status)} (${status}): ${why}`);
    this.status = status;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

function verbOf(status: number): string {
  return status < 300 ? "answers" : "refuses";
}

/** A query that has more results than Qonto lists. */
export class TooManyResults extends Error {
  override readonly name = "TooManyResults";

  constructor() {
    super(`Qonto lists no more than ${MOST_RESULTS} results of one query.`);
  }
}

/** One page of a list. */
export interface Page<Item> {
  readonly items: readonly Item[];
  /** Results of the whole query; null when Qonto does not say. */
  readonly total: number | null;
  /** Null: this is the last one. */
  readonly nextPage: number | null;
}

/** A page that is to be read. */
export interface Place {
  readonly page: number;
  /** The page before, when the count of results promises more than was read; null: this page may well not be there. */
  readonly promisedBy: number | null;
}

export const firstPlace: Place = { page: 1, promisedBy: null };

interface ApiRequest {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly path: string;
  /** A `secret` in it is removed from Qonto's errors. */
  readonly body?: { readonly secret?: unknown };
}

/**
 * Qonto's HTTP API, for the Worker and the command line: its pages, its errors, its rate limit, its clock. Each call throws
 * QontoRefusal or QontoUnavailable. Answers are parsed by the schema that the caller gives, numbers kept as they were written.
 */
export class QontoClient {
  readonly #access: Required<QontoAccess>;
  readonly #elapsedMs: () => number;
  readonly #wait: (ms: number) => Promise<unknown>;
  #nextAtMs = 0;
  #answeredAtMs: number | null = null;
  #clockAheadMs: number | null = null;
  /** Sent so far. They are removed from Qonto's errors, which may repeat them. */
  readonly #secrets = new Set<string>();

  constructor(access: QontoAccess) {
    const { world } = access;
    this.#access = {
      headers: {},
      authorization: null,
      patience: workersPatience,
      spacingMs: 0,
      progress: () => undefined,
      ...access,
    };
    this.#elapsedMs = world.elapsedMs ?? world.now;
    this.#wait = world.wait ?? ((ms) => sleep(ms, world));
  }

  /** What Qonto's clock said with its last 2xx, Unix milliseconds, whole seconds; null before the first. */
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

  /** The items of a list under its key (`subscriptions`, `transactions`, …), of all its pages. Throws TooManyResults too. */
  async *list<Schema extends z.ZodType>(
    path: string,
    key: string,
    item: Schema,
    query: Query = {},
  ): AsyncGenerator<z.output<Schema>> {
    let read = 0;
    for (let place: Place | null = firstPlace; place !== null;) {
      const page: Page<z.output<Schema>> | null = await this.pageAt(place, path, key, item, query);
      if (page === null) return;
      yield* page.items;
      read += page.items.length;
      place = placeAfter(page, { page: place.page, read });
    }
  }

  /** One page of a list: that of the query, else the first. */
  async page<Schema extends z.ZodType>(
    path: string,
    key: string,
    item: Schema,
    query: Query = {},
  ): Promise<Page<z.output<Schema>>> {
    const pageOfItems = pageInfo.and(z.object({ [key]: z.array(item) }));
    const page = Number(query["page"] ?? firstPlace.page);
    const answer = await this.get(path, pageOfItems, { per_page: LARGEST_PAGE, ...query, page });
    const nextPage = answer.meta?.next_page ?? null;
    return {
      items: answer[key] ?? [],
      total: answer.meta?.total_count ?? null,
      // A page that leads back would never end.
      nextPage: nextPage !== null && nextPage > page ? nextPage : null,
    };
  }

  /**
   * One page of a list that is read page by page; null when the list has become shorter meanwhile, and ends before it. Throws
   * TooManyResults on the page behind which Qonto lists no more.
   */
  async pageAt<Schema extends z.ZodType>(
    { page, promisedBy }: Place,
    path: string,
    key: string,
    item: Schema,
    query: Query = {},
  ): Promise<Page<z.output<Schema>> | null> {
    try {
      return await this.page(path, key, item, { ...query, page });
    } catch (error) {
      if (!(error instanceof QontoRefusal) || error.status !== 422 || page === 1) throw error;
      if (page * Number(query["per_page"] ?? LARGEST_PAGE) > MOST_RESULTS) throw new TooManyResults();
      // It is too much for Qonto if the page before still leads here.
      if (promisedBy !== null && (await this.#leadsFurther(promisedBy, path, query))) throw new TooManyResults();
      return null;
    }
  }

  /** False when that page is not there any more either. */
  async #leadsFurther(page: number, path: string, query: Query): Promise<boolean> {
    try {
      const { meta } = await this.get(path, pageInfo, { per_page: LARGEST_PAGE, ...query, page });
      return (meta?.next_page ?? 0) > page;
    } catch (error) {
      if (error instanceof QontoRefusal && error.status === 422 && page > 1) return false;
      throw error;
    }
  }

  /** Sends a request, again if that is worth it, and reads the answer. */
  async #call<Schema extends z.ZodType>(request: ApiRequest, schema: Schema): Promise<z.output<Schema>> {
    const { authorization } = this.#access;
    let outcome = await this.#sendPatiently(request);
    if (outcome.status === 401 && authorization !== null && (await authorization.renewed())) {
      outcome = await this.#sendPatiently(request);
    }
    if (outcome.status === null) throw new QontoUnavailable(null, outcome.reason);
    const json = tryParseLosslessly(outcome.text);
    if (outcome.status < 200 || outcome.status > 299) throw this.#errorOf(outcome, json);
    const parsed = schema.safeParse(json);
    if (parsed.success) return parsed.data;
    if (json === undefined) throw new QontoUnavailable(outcome.status, "its answer is no JSON, or was cut off.");
    const place = parsed.error.issues[0]?.path.join(".") || "no JSON object";
    throw new QontoRefusal(outcome.status, `its answer is not as documented (${place}).`);
  }

  async #sendPatiently(request: ApiRequest): Promise<Outcome> {
    let outcome = await this.#sendOnce(request);
    for (let retry = 1; ; retry += 1) {
      const waitMs = this.#retryWaitMs(outcome, request.method, retry);
      if (waitMs === null) return outcome;
      await this.#wait(waitMs);
      outcome = await this.#sendOnce(request);
    }
  }

  /** Waits until the request before is long enough ago. */
  async #keepApart(spacingMs: number): Promise<void> {
    const now = this.#elapsedMs();
    const at = Math.max(now, this.#nextAtMs);
    this.#nextAtMs = at + spacingMs;
    if (at > now) await this.#wait(at - now);
  }

  /** Keeps requests apart, retries too, and reads Qonto's clock. */
  async #sendOnce({ method, path, body }: ApiRequest): Promise<Outcome> {
    const { baseUrl, headers, authorization, world, spacingMs } = this.#access;
    if (spacingMs > 0) await this.#keepApart(spacingMs);
    const sent: Readonly<Record<string, string>> = {
      accept: "application/json",
      ...headers,
      ...(authorization === null ? {} : { authorization: await authorization.header() }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    };
    for (const secret of secretsSent(sent, body)) this.#secrets.add(secret);
    const init = { method, headers: sent, body: body === undefined ? null : JSON.stringify(body) };
    const outcome = await this.#sendInTime(joined(baseUrl, path), init);
    const dateMs = outcome.status === null ? null : dateOf(outcome);
    if (outcome.status === null || dateMs === null) return outcome;
    this.#clockAheadMs = dateMs - world.now();
    if (outcome.status >= 200 && outcome.status < 300) this.#answeredAtMs = dateMs;
    return outcome;
  }

  async #sendInTime(url: string, init: RequestInit): Promise<Outcome> {
    const { world, patience } = this.#access;
    const timeout = new AbortController();
    const clearTimer = world.setTimer(patience.answersWithinMs, () =>
      timeout.abort(new DOMException("Qonto does not answer in time", "TimeoutError")),
    );
    try {
      return await send(url, { ...init, signal: timeout.signal, mostBytes: LARGEST_ANSWER_BYTES }, world);
    } finally {
      clearTimer();
    }
  }

  /** A request that the rate limit refused has done nothing. Of others, only those that change nothing are sent again. */
  #retryWaitMs(outcome: Outcome, method: string, retry: number): number | null {
    const { progress, patience } = this.#access;
    const { mostRetries, longestWaitMs } = patience;
    const { status } = outcome;
    const isTransient = status === 429 || (method === "GET" && (status === null || status >= 500));
    if (!isTransient || retry > mostRetries) return null;
    const seconds = status === null ? null : this.#retryAfterSeconds(outcome);
    const waitMs = seconds === null ? Math.min(BACK_OFF_MS * 2 ** (retry - 1), longestWaitMs) : seconds * 1000;
    if (waitMs > longestWaitMs) return null;
    const tries = `try ${retry + 1} of ${mostRetries + 1}`;
    progress(`${troubleOf(outcome)}: waiting ${Math.ceil(waitMs / 1000)} s, then ${tries} …`);
    return waitMs;
  }

  #retryAfterSeconds({ headers }: Answer): number | null {
    return parseRetryAfter(headers.get("retry-after"), this.#access.world.now());
  }

  #errorOf(answer: Answer, json: unknown): QontoRefusal | QontoUnavailable {
    const { status } = answer;
    const { detail, code } = describeErrors(json, this.#secrets);
    return status === 429 || status >= 500
      ? new QontoUnavailable(status, detail, this.#retryAfterSeconds(answer))
      : new QontoRefusal(status, detail, code);
  }
}

/** Where a list goes on after a page of it; null: nowhere. `read`: the number of results so far, this page's too. */
export function placeAfter(
  { total, nextPage }: Pick<Page<unknown>, "total" | "nextPage">,
  { page, read }: { readonly page: number; readonly read: number },
): Place | null {
  return nextPage === null ? null : { page: nextPage, promisedBy: total !== null && total > read ? page : null };
}

const pageInfo = z.object({
  meta: z.object({ next_page: z.number().nullish(), total_count: z.number().nullish() }).optional(),
});

/** Why the client waits. */
function troubleOf(outcome: Outcome): string {
  if (outcome.status === null) return `Qonto does not answer (${outcome.reason})`;
  return outcome.status === 429 ? "Qonto's rate limit is reached" : "Qonto does not answer well";
}
