/** Deliveries of one destination, counted from what events owe and, by itself, from what became of it. */
export interface Account {
  readonly destinationId: string;
  /** Deliveries that events say they owe it. */
  readonly expected: number;
  /** Of these, the ones that nobody has written down yet: their first attempt is on its way. */
  readonly unwritten: number;
  readonly delivered: number;
  readonly pending: number;
  readonly dead: number;
}

export interface Ledger {
  /** Every authentic event that was kept, released ones once. */
  readonly received: number;
  readonly settled: number;
  readonly pending: number;
  readonly unmatched: number;
  readonly quarantined: number;
  /** Times that an event came again; `conflicts`: with another body. */
  readonly duplicates: number;
  readonly conflicts: number;
  /** Of those that were recorded, the ones that reconciliation has made up. */
  readonly reconciled: number;
  readonly accounts: readonly Account[];
}

export const emptyLedger: Ledger = {
  received: 0,
  settled: 0,
  pending: 0,
  unmatched: 0,
  quarantined: 0,
  duplicates: 0,
  conflicts: 0,
  reconciled: 0,
  accounts: [],
};

export function emptyAccount(destinationId: string): Account {
  return { destinationId, expected: 0, unwritten: 0, delivered: 0, pending: 0, dead: 0 };
}

/** The sum of two ledgers, which have no event in common; each destination has one account in it. */
export function addLedgers(one: Ledger, other: Ledger): Ledger {
  const byDestination = Map.groupBy([...one.accounts, ...other.accounts], ({ destinationId }) => destinationId);
  return {
    received: one.received + other.received,
    settled: one.settled + other.settled,
    pending: one.pending + other.pending,
    unmatched: one.unmatched + other.unmatched,
    quarantined: one.quarantined + other.quarantined,
    duplicates: one.duplicates + other.duplicates,
    conflicts: one.conflicts + other.conflicts,
    reconciled: one.reconciled + other.reconciled,
    accounts: [...byDestination]
      .toSorted(([first], [second]) => (first < second ? -1 : 1))
      .map(([destinationId, accounts]) => accounts.reduce(addAccounts, emptyAccount(destinationId))),
  };
}

function addAccounts(one: Account, other: Account): Account {
  return {
    destinationId: one.destinationId,
    expected: one.expected + other.expected,
    unwritten: one.unwritten + other.unwritten,
    delivered: one.delivered + other.delivered,
    pending: one.pending + other.pending,
    dead: one.dead + other.dead,
  };
}

/** Whether every event is in exactly one state, and every delivery that is owed is delivered, pending or dead. */
export function isBalanced({ received, settled, pending, unmatched, quarantined, accounts }: Ledger): boolean {
  return (
    received === settled + pending + unmatched + quarantined &&
    accounts.every(
      (account) => account.expected === account.delivered + account.pending + account.dead + account.unwritten,
    )
  );
}

/** Whether nothing of it is pending, on either side of the accounts, and it balances. */
export function isSettled(ledger: Ledger): boolean {
  const { pending, accounts } = ledger;
  return (
    pending === 0 && accounts.every((account) => account.pending === 0 && account.unwritten === 0) && isBalanced(ledger)
  );
}
