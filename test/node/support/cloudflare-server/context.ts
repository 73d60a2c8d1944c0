import type { Context } from "hono";
import type { Account } from "./accounts.ts";
import type { Token } from "./tokens.ts";

/** What all routes share. */
export interface Emulation {
  readonly accounts: Map<string, Account>;
  readonly tokens: Map<string, Token>;
  /** All changes, in order. */
  readonly changes: string[];
  /** The longest page of any list. */
  pageSize: number;
  readonly now: () => number;
}

export const timestamp = ({ now }: Emulation) => new Date(now()).toISOString();

/** The account in the path, and the token of the request. */
export interface Variables {
  readonly Variables: { account: Account; token: Token };
}

/** The body, a JSON object. */
export async function bodyOf(context: Context): Promise<Record<string, any>> {
  return (await context.req.json()) ?? {};
}

/** Answers in the envelope of Cloudflare's API. */
export function success(result: unknown, more: object = {}): Response {
  return Response.json({ success: true, errors: [], messages: [], result, ...more });
}

export function failure(status: number, code: number, message: string, headers: Record<string, string> = {}): Response {
  const errors = [{ code, message }];
  return Response.json({ success: false, errors, messages: [], result: null }, { status, headers });
}

/** Thrown anywhere, it becomes the answer. */
export class Refusal extends Error {
  readonly response: Response;

  constructor(status: number, code: number, message: string) {
    super(message);
    this.response = failure(status, code, message);
  }
}

export const notFound = {
  queue: () => new Refusal(404, 11000, "Queue does not exist."),
  consumer: () => new Refusal(404, 11003, "Consumer does not exist."),
  database: (idOrName: string) => new Refusal(404, 7404, `The database ${idOrName} could not be found`),
  worker: () => new Refusal(404, 10007, "This Worker does not exist on your account."),
};

export interface Paging {
  /** Default of this list. */
  readonly perPage: number;
  /** Largest allowed. */
  readonly atMost: number;
}

/** One page of a list, with the total. */
export function page(items: readonly unknown[], url: string, { perPage, atMost }: Paging): Response {
  const query = new URL(url).searchParams;
  const number = (name: string, otherwise: number) =>
    Math.max(1, Math.trunc(Number(query.get(name) ?? otherwise)) || 1);
  const [page, per_page] = [number("page", 1), Math.min(number("per_page", perPage), atMost)];
  const result = items.slice((page - 1) * per_page, page * per_page);
  const total_pages = Math.ceil(items.length / per_page);
  return success(result, {
    result_info: { page, per_page, count: result.length, total_count: items.length, total_pages },
  });
}
