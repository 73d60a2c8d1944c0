import { realWorld } from "../../../src/platform/world.ts";
import { QontoClient } from "../../../src/qonto/api-client.ts";
import { type Item, idOf } from "../../../src/reconciliation/compare.ts";
import { readPage } from "../../../src/reconciliation/read-page.ts";
import { IncompleteListing, type Reading, beginReading, readingSchema } from "../../../src/reconciliation/reading.ts";

/** An answer to a list's query: a page of it, or the status of a refusal. */
export type ListAnswer =
  number | { readonly items: readonly Item[]; readonly total: number | null; readonly next?: number | null };

export interface ListQuery {
  readonly path: string;
  readonly page: number;
  readonly query: URLSearchParams;
}

/** Qonto's API as a test answers for it, and what it was asked. */
export function qontoThat(answer: (query: ListQuery) => ListAnswer) {
  const asked: ListQuery[] = [];
  const fetch = async (address: string): Promise<Response> => {
    const { pathname: path, searchParams: query } = new URL(address);
    const one = { path, query, page: Number(query.get("page")) };
    asked.push(one);
    const given = answer(one);
    if (typeof given === "number")
      return Response.json({ code: "refused", detail: "As the test says." }, { status: given });
    const { items, total, next = null } = given;
    const key = path.slice(path.lastIndexOf("/") + 1);
    return Response.json({ [key]: items, meta: { next_page: next, total_count: total } });
  };
  const patience = { answersWithinMs: 10_000, mostRetries: 0, longestWaitMs: 0 };
  const client = new QontoClient({ baseUrl: "https://qonto.test", world: { ...realWorld, fetch }, patience });
  return { client, asked };
}

export interface ReadWhole {
  /** The ids that the relay keeps, in the order in which they came. */
  readonly ids: readonly string[];
  /** Why lists were read again. */
  readonly again: readonly string[];
  /** Why a list could not be read whole; null when it could. */
  readonly fault: string | null;
}

/** More pages than any list of these tests has: a reading that never ends is an error. */
const MOST_PAGES = 5_000;

/** Reads to the end. After each page everything but the text of the reading is lost. */
export async function readWhole(
  type: string,
  qonto: QontoClient,
  { accountIds = [], sinceMs = 0, asOfMs = 10_000_000 }: Partial<Parameters<typeof beginReading>[1]> = {},
): Promise<ReadWhole> {
  const ids: string[] = [];
  const again: string[] = [];
  let reading: Reading | null = beginReading(type, { accountIds, sinceMs, asOfMs });
  try {
    for (let pages = 0; reading !== null; pages += 1) {
      if (pages > MOST_PAGES) throw new Error("The reading does not end");
      const read = await readPage(reading, qonto);
      ids.push(...read.fresh.map((one) => idOf(type, one)));
      if (read.again !== null) again.push(read.again);
      reading = read.next === null ? null : readingSchema.parse(JSON.parse(JSON.stringify(read.next)));
    }
  } catch (error) {
    if (!(error instanceof IncompleteListing)) throw error;
    return { ids, again, fault: error.message };
  }
  return { ids, again, fault: null };
}
