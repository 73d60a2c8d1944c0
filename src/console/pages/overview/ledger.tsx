import type { Ledger as Counted } from "../../../domain/ledger.ts";
import { State, Time, count } from "../../ui/values.tsx";

interface LedgerProps {
  readonly ledger: Counted;
  readonly isBalanced: boolean;
  readonly since: number;
  readonly until: number;
}

/** Every event is in exactly one state: the equation says so. */
export function Ledger({ ledger, isBalanced, since, until }: LedgerProps) {
  const terms = [
    { label: "settled", value: ledger.settled },
    { label: "pending", value: ledger.pending },
    { label: "unmatched", value: ledger.unmatched },
    { label: "quarantined", value: ledger.quarantined },
  ];
  return (
    <section aria-labelledby="ledger">
      <h2 id="ledger">Ledger</h2>
      <p class="equation">
        <Term label="received" value={ledger.received} />
        {terms.map((term, index) => (
          <>
            <span class="operator">{index === 0 ? "=" : "+"}</span>
            <Term {...term} />
          </>
        ))}
      </p>
      <p class="help">
        <State state={isBalanced ? "ok" : "degraded"}>{isBalanced ? "It balances" : "It does not balance"}</State>, as
        does what each destination is expected, from <Time at={since} /> to <Time at={until} />; beside it{" "}
        {ledger.duplicates === 1 ? "1 duplicate" : `${count(ledger.duplicates)} duplicates`}.
      </p>
    </section>
  );
}

function Term({ label, value }: { readonly label: string; readonly value: number }) {
  return (
    <span class="term">
      <strong>{count(value)}</strong> {label}
    </span>
  );
}
