import type { Context } from "hono";
import type { Account } from "./account.ts";
import type { Token } from "./tokens.ts";

/** What every route has of the server. */
export interface Emulation {
  readonly accounts: Map<string, Account>;
  readonly tokens: Map<string, Token>;
  /** What changed something, in order. */
  readonly changes: string[];
  /** The most that a page of any list holds. */
  pageSize: number;
  readonly now: () => number;
}

export const timestamp = ({ now }: Emulation) => new Date(now()).toISOString();

/** What a request brings beside its route: the account in its path, the token that it came with. */
export interface Variables {
  readonly Variables: { account: Account; token: Token };
}

/** A request's body that should be a JSON object. */
export async function bodyOf(context: Context): Promise<Record<string, any>> {
  return (await context.req.json()) ?? {};
}
