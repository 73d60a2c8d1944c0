import { isObject } from "../../../platform/json.ts";
import { summaryOf } from "../../../qonto/summary.ts";
import { type Money, readMoney } from "../../../qonto/summary.ts";

/** A bank account as the bank has last shown it. */
export interface Account {
  /** Null for one that is only a part of its organization's profile. */
  readonly resourceId: string | null;
  readonly name: string | null;
  readonly iban: string | null;
  readonly status: string | null;
  readonly isDeleted: boolean;
  /** What is on it. */
  readonly current: Money | null;
  /** What may be spent: what is on it without what is set aside for payments under way. */
  readonly authorized: Money | null;
  /** ISO 8601. */
  readonly asOf: string | null;
}

interface ShownBy {
  readonly resourceId: string | null;
  readonly isDeleted: boolean;
  readonly asOf: string | null;
}

/** Reads an account out of the `data` of `v1/accounts`, whatever is in it. */
export function readAccount(data: unknown, shownBy: ShownBy): Account {
  const { title, iban, words } = summaryOf("v1/accounts", data);
  const field = (name: string) => (isObject(data) ? data[name] : undefined);
  return {
    ...shownBy,
    name: title,
    iban,
    status: words[0] ?? null,
    current: readMoney(field("balance") ?? field("current_balance"), field("currency")),
    authorized: readMoney(field("authorized_balance"), field("currency")),
  };
}

/** The accounts that a profile brings along: Qonto's API lists them in it, under this name. */
export function readAccountsOfProfile(profile: unknown, asOf: string | null): Account[] {
  const accounts = isObject(profile) ? profile["bank_accounts"] : undefined;
  if (!Array.isArray(accounts)) return [];
  return accounts
    .filter(isObject)
    .slice(0, MOST_ACCOUNTS)
    .map((account) => {
      const dated = account["updated_at"];
      const ownDate = typeof dated === "string" ? dated.slice(0, 40) : null;
      return readAccount(account, { resourceId: null, isDeleted: false, asOf: ownDate ?? asOf });
    });
}

/** Accounts that a page of one organization shows; the list of its resources has the others. */
export const MOST_ACCOUNTS = 20;
