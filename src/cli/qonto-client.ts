import { z } from "zod";
import { parseRetryAfter } from "../domain/retry-after.ts";
import { Fault } from "./fault.ts";
import {
  type Answer,
  type ApiAccess,
  ApiClient,
  type ApiRequest,
  type Outcome,
  type Query,
  dateOf,
} from "./network.ts";

/** Qonto counts in windows of 10 s and 10 min. A longer wait ends the command with that said. */
const usualPatience: Patience = { answersWithinMs: 30_000, mostRetries: 6, longestWaitMs: 120_000 };

/** Wait before the first retry of a request that was not told how long to wait; it doubles. */
const BACK_OFF_MS = 1_000;

const LARGEST_PAGE = 100;
/** Qonto lists no more results of one query than this. */
export const MOST_RESULTS = 10_000;

export interface QontoAccess extends Omit<ApiAccess, "answersWithinMs"> {
  /** Is told that the client waits, and why. */
  readonly progress: (text: string) => void;
  /** Least time from one request to the next. */
  readonly spacingMs?: number;
  readonly patience?: Patience;
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
    super(`Qonto ${status < 300 ? "answers" : "refuses"} (${status}): ${detail}`, { remedy: remedies[status] });
    this.status = status;
  }
}

export const qontoRemedies = {
  401: "Get a new OAuth access token and set QONTO_ACCESS_TOKEN; for the sandbox set QONTO_STAGING_TOKEN too.",
  403: "The token lacks a scope: subscriptions need `webhook`, and each type its own.",
  404: "It is not there, or belongs to another user or client: `subscriptions list` shows yours.",
  429: "Too many requests. Wait some minutes, and run it again.",
} as const;

const remedies: Readonly<Record<number, string>> = qontoRemedies;

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
export class QontoClient extends ApiClient {
  readonly #access: Required<QontoAccess>;
  #nextAtMs = 0;
  #answeredAtMs: number | null = null;
  #clockAheadMs: number | null = null;

  constructor({ spacingMs = 0, patience = usualPatience, ...access }: QontoAccess) {
    super({ ...access, answersWithinMs: patience.answersWithinMs });
    this.#access = { ...access, spacingMs, patience };
  }

  /** What Qonto's clock said with its last 2xx, Unix milliseconds; null before the first. */
  get answeredAtMs(): number | null {
    return this.#answeredAtMs;
  }

  /** How far Qonto's clock was ahead of this machine's with its last answer; null before the first. */
  get clockAheadMs(): number | null {
    return this.#clockAheadMs;
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
    const pageOfItems = pageInfo.and(z.object({ [key]: z.array(item) }));
    const queryOf = (page: number) => ({ per_page: LARGEST_PAGE, ...query, page });
    let page = 1;
    let before = 0;
    let read = 0;
    let isPromised = false;
    do {
      const answer = await this.get(path, pageOfItems, queryOf(page)).catch(async (error: unknown) => {
        if (!(error instanceof QontoRefusal) || error.status !== 422 || page === 1) throw error;
        const perPage = Number(query["per_page"] ?? LARGEST_PAGE);
        if (page * perPage > MOST_RESULTS) throw new TooManyResults();
        // The list has become shorter meanwhile, unless the page before still promises this one.
        const again = isPromised ? await this.get(path, pageInfo, queryOf(before)) : {};
        if ((again.meta?.next_page ?? 0) > before) throw new TooManyResults();
        return null;
      });
      if (answer === null) return;
      const items = answer[key] ?? [];
      const total = answer.meta?.total_count ?? null;
      read += items.length;
      isPromised = total !== null && total > read;
      yield { items, total };
      before = page;
      page = answer.meta?.next_page ?? 0;
      // A page that leads back would never end.
    } while (page > before);
  }

  put<Schema extends z.ZodType>(path: string, body: object, schema: Schema): Promise<z.output<Schema>> {
    return this.call({ method: "PUT", path, body }, schema);
  }

  /** Keeps requests apart, retries too, and reads Qonto's clock. */
  protected override async sendOnce(request: ApiRequest): Promise<Outcome> {
    const { world, spacingMs } = this.#access;
    const now = world.elapsedMs();
    const at = Math.max(now, this.#nextAtMs);
    this.#nextAtMs = at + spacingMs;
    if (at > now) await world.wait(at - now);
    const outcome = await super.sendOnce(request);
    const dateMs = outcome.status === null ? null : dateOf(outcome);
    if (outcome.status === null || dateMs === null) return outcome;
    this.#clockAheadMs = dateMs - world.now();
    if (outcome.status >= 200 && outcome.status < 300) this.#answeredAtMs = dateMs;
    return outcome;
  }

  /** A request that the rate limit refused has done nothing. Of others, only those that change nothing are sent again. */
  protected override retryWaitMs(outcome: Outcome, method: string, retry: number): number | null {
    const { progress, world, patience } = this.#access;
    const { mostRetries, longestWaitMs } = patience;
    const { status } = outcome;
    const isTransient = status === 429 || (method === "GET" && (status === null || status >= 500));
    if (!isTransient || retry > mostRetries) return null;
    const seconds = status === null ? null : parseRetryAfter(outcome.headers.get("retry-after"), world.now());
    const waitMs = seconds === null ? Math.min(BACK_OFF_MS * 2 ** (retry - 1), longestWaitMs) : seconds * 1000;
    if (waitMs > longestWaitMs) return null;
    const tries = `try ${retry + 1} of ${mostRetries + 1}`;
    progress(`${troubleOf(outcome)}: waiting ${Math.ceil(waitMs / 1000)} s, then ${tries} …`);
    return waitMs;
  }

  protected override unreachable(reason: string): Fault {
    return new Fault(`Qonto's API does not answer: ${reason}.`, { remedy: UNREACHABLE_REMEDY });
  }

  protected override refusal({ status }: Answer, json: unknown): Fault {
    return new QontoRefusal(status, describeErrors(json));
  }

  protected override unexpected(status: number, place: string): Fault {
    return new QontoRefusal(status, `its answer is not as documented (${place || "no JSON object"}).`);
  }
}

export const UNREACHABLE_REMEDY = "Look at the connection, and at QONTO_API_URL if it is set.";

const pageInfo = z.object({
  meta: z.object({ next_page: z.number().nullish(), total_count: z.number().nullish() }).optional(),
});

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
