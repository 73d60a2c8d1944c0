/** Deliveries of one destination, counted from what events owe and, by itself, from what became of it. */
export interface Account {
  readonly destinationId: string;
  /** Deliveries that events say they owe it. */
  readonly owed: number;
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
  readonly accounts: readonly Account[];
}

/** Whether every event is in exactly one state, and every delivery that is owed is delivered, pending or dead. */
export function isBalanced({ received, settled, pending, unmatched, quarantined, accounts }: Ledger): boolean {
  return (
    received === settled + pending + unmatched + quarantined &&
    accounts.every((account) => account.owed === account.delivered + account.pending + account.dead + account.unwritten)
  );
}
