import ky, { type KyInstance, isHTTPError } from "ky";
import { z } from "zod";
import { parseJsonLosslessly } from "../platform/json.ts";
import { Fault } from "./fault.ts";
import { type Query, networkReason, queryText, tryParseLosslessly } from "./network.ts";
import { QontoRefusal, describeErrors } from "./qonto-refusal.ts";
import { isWorthRetrying, retryAfterMs, troubleOf } from "./qonto-trouble.ts";
import type { World } from "./world.ts";

/** Qonto counts in windows of 10 s and 10 min; anyone is to wait longer is better told. */
const usualPatience: Patience = { answersWithinMs: 30_000, mostRetries: 6, longestWaitMs: 120_000 };

/** Wait before the first retry of a request that was not told how long to wait; it doubles. */
const BACK_OFF_MS = 1_000;

const LARGEST_PAGE = 100;
/** Qonto lists no more results of one query than this. */
export const MOST_RESULTS = 10_000;

export interface QontoAccess {
  readonly baseUrl: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Hears that the client waits, and why. */
  readonly progress: (text: string) => void;
  /** Least time from one request to the next. */
  readonly spacingMs?: number;
  /** How much trouble the client takes before it gives up. */
  readonly patience?: Patience;
  /** Hears each answer, refusals too. */
  readonly onAnswer?: (answer: Response) => void;
  readonly world: World;
}

interface Patience {
  readonly answersWithinMs: number;
  readonly mostRetries: number;
  /** Anyone is told to wait longer gives up. */
  readonly longestWaitMs: number;
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
  readonly #ky: KyInstance;
  readonly #spacingMs: number;
  readonly #world: World;
  #nextAtMs = 0;
  #answeredAtMs: number | null = null;

  constructor({
    baseUrl,
    headers,
    progress,
    spacingMs = 0,
    patience: { answersWithinMs, mostRetries, longestWaitMs } = usualPatience,
    onAnswer,
    world,
  }: QontoAccess) {
    this.#spacingMs = spacingMs;
    this.#world = world;
    const backOff = (retry: number) => Math.min(BACK_OFF_MS * 2 ** (retry - 1), longestWaitMs);
    this.#ky = ky.create({
      prefix: baseUrl,
      headers: { ...headers, accept: "application/json" },
      timeout: answersWithinMs,
      parseJson: (text) => parseJsonLosslessly(text),
      // The staging token is no header that fetch would keep from a stranger behind a redirect.
      redirect: "manual",
      fetch: world.fetch,
      hooks: {
        afterResponse: [({ response }) => onAnswer?.(response)],
        beforeRetry: [
          async ({ error, retryCount }) => {
            const waitMs = retryAfterMs(error, world.now()) ?? backOff(retryCount);
            const seconds = Math.ceil(waitMs / 1000);
            progress(`${troubleOf(error)}: waiting ${seconds} s, then try ${retryCount + 1} of ${mostRetries + 1} …`);
            await world.wait(waitMs);
          },
        ],
      },
      retry: {
        limit: mostRetries,
        methods: ["get", "post", "put", "delete"],
        // The waiting is done before the retry, in the world's own time.
        delay: () => 0,
        afterStatusCodes: [],
        retryOnTimeout: true,
        shouldRetry: ({ error }) => (isWorthRetrying(error, longestWaitMs, world.now()) ? undefined : false),
      },
    });
  }

  /** What Qonto's clock said with its last answer, Unix milliseconds; null before the first. */
  get answeredAtMs(): number | null {
    return this.#answeredAtMs;
  }

  get<Schema extends z.ZodType>(path: string, schema: Schema, query: Query = {}): Promise<z.output<Schema>> {
    return this.#call("get", path + queryText(query), schema);
  }

  post<Schema extends z.ZodType>(path: string, body: object, schema: Schema): Promise<z.output<Schema>> {
    return this.#call("post", path, schema, body);
  }

  put<Schema extends z.ZodType>(path: string, body: object, schema: Schema): Promise<z.output<Schema>> {
    return this.#call("put", path, schema, body);
  }

  async delete(path: string): Promise<void> {
    await this.#call("delete", path, z.unknown());
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
      // A page that leads back would be read for ever.
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

  async #call<Schema extends z.ZodType>(
    method: string,
    path: string,
    schema: Schema,
    body?: object,
  ): Promise<z.output<Schema>> {
    const { status, json } = await this.#request(method, path, body);
    return parseAs(schema, json, { status, place: "" });
  }

  async #request(method: string, path: string, body?: object): Promise<{ status: number; json: unknown }> {
    await this.#waitForTurn();
    try {
      const response = await this.#ky(path, { method, ...(body === undefined ? {} : { json: body }) });
      this.#answeredAtMs = dateOf(response) ?? this.#answeredAtMs;
      const text = await response.text();
      return { status: response.status, json: text === "" ? undefined : tryParseLosslessly(text) };
    } catch (error) {
      if (isHTTPError(error)) throw new QontoRefusal(error.response.status, describeErrors(error.data));
      throw new Fault(`Qonto's API does not answer: ${networkReason(error)}.`, {
        remedy: "Look at the connection, and at QONTO_API_URL if it is set.",
      });
    }
  }

  async #waitForTurn(): Promise<void> {
    const now = this.#world.elapsedMs();
    const at = Math.max(now, this.#nextAtMs);
    this.#nextAtMs = at + this.#spacingMs;
    if (at > now) await this.#world.wait(at - now);
  }
}

const pageOfList = z.looseObject({
  meta: z.object({ next_page: z.number().nullish(), total_count: z.number().nullish() }).optional(),
});

function dateOf({ headers }: Response): number | null {
  return Date.parse(headers.get("date") ?? "") || null;
}

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
