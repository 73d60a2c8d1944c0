import type { Usage } from "./usage.ts";

/**
 * Dollars for a million, on Workers Paid, beyond what is included. As of November 2026:
 * https://developers.cloudflare.com/workers/platform/pricing/, …/d1/platform/pricing/, …/queues/platform/pricing/ and
 * …/workers/observability/logs/workers-logs/#pricing.
 */
const prices: Readonly<Record<keyof Usage, number>> = {
  requests: 0.3,
  consumerInvocations: 0.3,
  databaseCalls: 0,
  rowsWritten: 1,
  rowsRead: 0.001,
  // Of a message of at most 64 KB.
  queueOperations: 0.4,
  logEvents: 0.6,
  // $0.75 for a GB and a month, beyond the 5 GB of an account that are included.
  bytesStored: 0.00075,
};

export const pricesOf = "November 2026";

/** What some usage costs, when it is that of each of a million events. */
export function dollars(usage: Partial<Usage>): number {
  return Object.entries(prices)
    .map(([name, price]) => (usage[name as keyof Usage] ?? 0) * price)
    .reduce((sum, one) => sum + one, 0);
}
