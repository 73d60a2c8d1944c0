/** The deliveries to one destination, counted twice: from the events' recipients, and from how the deliveries stand. */
export interface Account {
  readonly destinationId: string;
  /** Deliveries by the events' recipients. */
  readonly expected: number;
  /** Those of them that nothing is recorded of: their first attempt has no outcome yet. */
  readonly unwritten: number;
  readonly delivered: number;
  readonly pending: number;
  readonly dead: number;
}

export interface Ledger {
  /** Every authentic event that was kept. A released one counts once. */
  readonly received: number;
  readonly settled: number;
  readonly pending: number;
  readonly unmatched: number;
  readonly quarantined: number;
  readonly duplicates: number;
  /** Duplicates with another body. */
  readonly conflicts: number;
  /** Recorded events that reconciliation has made. */
  readonly reconciled: number;
  readonly accounts: readonly Account[];
}

/** Unix milliseconds: `since` inclusive, `until` exclusive. */
export interface Span {
  readonly since: number;
  readonly until: number;
}

/** Ledgers by the hour of the events' receipt. An hour without events has none. */
export type LedgerByHour = ReadonlyMap<number, Ledger>;

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

/** The sum of two ledgers that have no event in common. Each destination has one account in it. */
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

/** Whether every event is in exactly one state, and every expected delivery is delivered, pending, dead or unwritten. */
export function isBalanced({ received, settled, pending, unmatched, quarantined, accounts }: Ledger): boolean {
  return (
    received === settled + pending + unmatched + quarantined &&
    accounts.every(
      (account) => account.expected === account.delivered + account.pending + account.dead + account.unwritten,
    )
  );
}

/** Whether it balances and nothing is pending or unwritten. */
export function isSettled(ledger: Ledger): boolean {
  const { pending, accounts } = ledger;
  return (
    pending === 0 && accounts.every((account) => account.pending === 0 && account.unwritten === 0) && isBalanced(ledger)
  );
}
