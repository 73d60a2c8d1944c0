import { isObject } from "../../../platform/json.ts";
import { type Money, readMoney, summaryOf } from "../../../qonto/summary.ts";
import { resourceAddress, resourcesAddress } from "../../addresses.ts";
import { EmptyState, linkTo } from "../../ui/table.tsx";
import { Amount, Iban, State, TimeOfText } from "../../ui/values.tsx";

/** Accounts on the page of an organization. The list of its resources has the others. */
export const MOST_ACCOUNTS = 20;

/** The latest state of a bank account. */
export interface Account {
  /** Null for an account that only its organization's profile names. */
  readonly resourceId: string | null;
  readonly name: string | null;
  readonly iban: string | null;
  readonly status: string | null;
  readonly isDeleted: boolean;
  readonly current: Money | null;
  /** The balance without what is blocked for pending payments. */
  readonly authorized: Money | null;
  /** ISO 8601. */
  readonly asOf: string | null;
}

/** Reads the `data` of `v1/accounts`, whatever is in it. */
export function readAccount(data: unknown, about: Pick<Account, "resourceId" | "isDeleted" | "asOf">): Account {
  const { title, iban, words } = summaryOf("v1/accounts", data);
  const field = (name: string) => (isObject(data) ? data[name] : undefined);
  return {
    ...about,
    name: title,
    iban,
    status: words[0] ?? null,
    current: readMoney(field("balance") ?? field("current_balance"), field("currency")),
    authorized: readMoney(field("authorized_balance"), field("currency")),
  };
}

/** Qonto's API lists an organization's accounts in its profile. */
export function readAccountsOfProfile(profile: unknown, asOf: string | null): Account[] {
  const accounts = isObject(profile) ? profile["bank_accounts"] : undefined;
  if (!Array.isArray(accounts)) return [];
  return accounts
    .filter(isObject)
    .slice(0, MOST_ACCOUNTS)
    .map((account) => {
      const updatedAt = account["updated_at"];
      const ownDate = typeof updatedAt === "string" ? updatedAt.slice(0, 40) : null;
      return readAccount(account, { resourceId: null, isDeleted: false, asOf: ownDate ?? asOf });
    });
}

interface AccountsProps {
  readonly organizationId: string;
  readonly accounts: readonly Account[];
  /** Whether there are more than these. */
  readonly areMore: boolean;
}

export function Accounts({ organizationId, accounts, areMore }: AccountsProps) {
  return (
    <section aria-labelledby="balance">
      <h2 id="balance">Balance</h2>
      {accounts.length === 0 ? (
        <EmptyState title="No accounts yet">
          <p>
            They come with the events of <code>v1/accounts</code>. To ask Qonto for them, run{" "}
            <code>npm run qonto -- reconcile</code>.
          </p>
        </EmptyState>
      ) : (
        <>
          <div class="grid">
            {accounts.map((account) => (
              <AccountCard organizationId={organizationId} account={account} />
            ))}
          </div>
          <p class="help">
            Amounts are as Qonto last sent them.
            {areMore ? (
              <>
                {" "}
                There are more:{" "}
                <a href={linkTo(resourcesAddress(organizationId), { type: "v1/accounts" })}>all accounts</a>.
              </>
            ) : null}
          </p>
        </>
      )}
    </section>
  );
}

function AccountCard({ organizationId, account }: { readonly organizationId: string; readonly account: Account }) {
  const { resourceId, name, iban, status, isDeleted, current, authorized, asOf } = account;
  const balances = [
    { label: "Balance", money: current },
    { label: "Authorized balance", money: authorized },
  ].filter((one): one is { label: string; money: Money } => one.money !== null);
  const shownName = <bdi>{name ?? "Without a name"}</bdi>;
  return (
    <article class="card stack">
      <h3 class="cluster">
        {resourceId === null ? (
          shownName
        ) : (
          <a href={resourceAddress(organizationId, "v1/accounts", resourceId)}>{shownName}</a>
        )}
        {isDeleted ? <State state="paused">deleted</State> : null}
        {status === null ? null : <bdi class="chip">{status}</bdi>}
      </h3>
      <dl class="lines">
        {balances.length === 0 ? <dd class="help">No balance yet.</dd> : null}
        {balances.map(({ label, money }, index) => (
          <div class={index === 0 ? "lines" : "spread"}>
            <dt>{label}</dt>
            <dd class={index === 0 ? "figure-value" : undefined}>
              <Amount value={money.value} currency={money.currency} />
            </dd>
          </div>
        ))}
        {iban === null ? null : (
          <div class="spread">
            <dt>IBAN</dt>
            <dd>
              <Iban iban={iban} />
            </dd>
          </div>
        )}
        {asOf === null ? null : (
          <div class="spread">
            <dt>As of</dt>
            <dd>
              <TimeOfText text={asOf} />
            </dd>
          </div>
        )}
      </dl>
    </article>
  );
}
