import { isObject } from "../../../platform/json.ts";
import { readData } from "../../../qonto/resource.ts";
import { readMoney, summaryOf } from "../../../qonto/summary.ts";
import type { ResourceRow } from "../../../store/resources.ts";
import { resourceAddress, resourcesAddress } from "../../addresses.ts";
import { Section } from "../../ui/layout.tsx";
import { EmptyState, linkTo } from "../../ui/table.tsx";
import { Amount, Iban, State, TimeOfText } from "../../ui/values.tsx";

/** Accounts on the page of an organization. The list of its resources has the others. */
export const MOST_ACCOUNTS = 20;

/** What is known of an account beside its data. An account that only its organization's profile names has no resource id. */
type Origin = Pick<ResourceRow, "resourceId" | "deleted" | "versionAt">;

type Account = ReturnType<typeof readAccount>;

/** Reads an account as Qonto describes it, whatever is in it. */
export function readAccount(data: Readonly<Record<string, unknown>>, { resourceId, deleted, versionAt }: Origin) {
  const { title: name, iban, words } = summaryOf("v1/accounts", data);
  return {
    resourceId,
    deleted,
    versionAt,
    name,
    iban,
    status: words[0] ?? null,
    current: readMoney(data["balance"] ?? data["current_balance"], data["currency"]),
    /** The balance without what is blocked for pending payments. */
    authorized: readMoney(data["authorized_balance"], data["currency"]),
  };
}

/** The first of an organization's accounts, as events of `v1/accounts` brought them. */
export function readAccountsOfRows(rows: readonly ResourceRow[]): Account[] {
  return rows.slice(0, MOST_ACCOUNTS).map((row) => readAccount(readData(row.body), row));
}

/** Qonto's API lists an organization's accounts in its profile. */
export function readAccountsOfProfile(
  profile: Readonly<Record<string, unknown>> | null,
  profileAt: string | null,
): Account[] {
  const accounts = profile?.["bank_accounts"];
  if (!Array.isArray(accounts)) return [];
  return accounts
    .filter(isObject)
    .slice(0, MOST_ACCOUNTS)
    .map((account) => {
      const updatedAt = account["updated_at"];
      const versionAt = typeof updatedAt === "string" ? updatedAt.slice(0, 40) : profileAt;
      return readAccount(account, { resourceId: null, deleted: false, versionAt });
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
    <Section id="balance" title="Balance">
      {accounts.length === 0 ? (
        <EmptyState title="No accounts yet">
          They come with the events of <code>v1/accounts</code>. To ask Qonto for them, run{" "}
          <code>npm run qonto -- reconcile</code>.
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
    </Section>
  );
}

function AccountCard({ organizationId, account }: { readonly organizationId: string; readonly account: Account }) {
  const { resourceId, deleted, versionAt, name, iban, status, current, authorized } = account;
  const main = current === null ? "Authorized balance" : "Balance";
  const facts = {
    Balance: current === null ? null : <Amount {...current} />,
    "Authorized balance": authorized === null ? null : <Amount {...authorized} />,
    IBAN: iban === null ? null : <Iban iban={iban} />,
    "As of": versionAt === null ? null : <TimeOfText text={versionAt} />,
  };
  const shownName = <bdi>{name ?? "Without a name"}</bdi>;
  return (
    <article class="card stack">
      <h3 class="cluster">
        {resourceId === null ? (
          shownName
        ) : (
          <a href={resourceAddress(organizationId, "v1/accounts", resourceId)}>{shownName}</a>
        )}
        {deleted ? <State state="paused">deleted</State> : null}
        {status === null ? null : <bdi class="chip">{status}</bdi>}
      </h3>
      <dl class="lines">
        {current === null && authorized === null ? <dd class="help">No balance yet.</dd> : null}
        {Object.entries(facts).map(([label, fact]) =>
          fact === null ? null : (
            <div class={label === main ? "lines" : "spread"}>
              <dt>{label}</dt>
              <dd class={label === main ? "figure-value" : undefined}>{fact}</dd>
            </div>
          ),
        )}
      </dl>
    </article>
  );
}
