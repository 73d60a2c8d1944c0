import { EmptyState, linkTo } from "../../ui/table.tsx";
import { Amount, Iban, State, TimeOfText } from "../../ui/values.tsx";
import { resourceAddress, resourcesAddress } from "../../addresses.ts";
import type { Account } from "./accounts-of.ts";
import type { Money } from "./money.ts";

interface AccountsProps {
  readonly organizationId: string;
  readonly accounts: readonly Account[];
  /** Whether there are more than these. */
  readonly areMore: boolean;
}

/** What is this company's balance? */
export function Accounts({ organizationId, accounts, areMore }: AccountsProps) {
  return (
    <section aria-labelledby="balance">
      <h2 id="balance">Balance</h2>
      {accounts.length === 0 ? (
        <EmptyState title="No account is known yet, and so no balance.">
          <p>
            An account comes with the first event of <code>v1/accounts</code>; <code>npm run qonto -- reconcile</code>{" "}
            asks for all there are.
          </p>
        </EmptyState>
      ) : (
        <>
          <div class="known-accounts">
            {accounts.map((account) => (
              <AccountCard organizationId={organizationId} account={account} />
            ))}
          </div>
          <p class="help">
            Each amount is as the bank wrote it when it last said something of the account.
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
    <article class="known-account">
      <h3>
        {resourceId === null ? (
          shownName
        ) : (
          <a href={resourceAddress(organizationId, "v1/accounts", resourceId)}>{shownName}</a>
        )}
        {isDeleted ? <State state="paused">deleted</State> : null}
        {status === null ? null : <bdi class="known-word">{status}</bdi>}
      </h3>
      <dl>
        {balances.length === 0 ? <dd class="help">The bank has not said how much is on it.</dd> : null}
        {balances.map(({ label, money }, index) => (
          <div class={index === 0 ? "known-balance" : "known-balance-other"}>
            <dt>{label}</dt>
            <dd>
              <Amount value={money.value} currency={money.currency} />
            </dd>
          </div>
        ))}
        {iban === null ? null : (
          <div>
            <dt>IBAN</dt>
            <dd>
              <Iban iban={iban} />
            </dd>
          </div>
        )}
        {asOf === null ? null : (
          <div>
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
