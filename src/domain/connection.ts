/** Reconciliation runs every hour. */
const LONGEST_UNRECONCILED_MS = 6 * 3_600_000;

interface Reconciled {
  readonly connectedAt: number;
  /** Until when the state is known to equal the bank's; null: it is not filled yet. */
  readonly reconciledUntil: number | null;
}

/** Whether a connected organization has not been reconciled for too long. One that was connected again catches up first. */
export function isBehind({ connectedAt, reconciledUntil }: Reconciled, now: number): boolean {
  return now - Math.max(reconciledUntil ?? 0, connectedAt) > LONGEST_UNRECONCILED_MS;
}
