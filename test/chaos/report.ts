import type { DestinationAccount } from "./accounting.ts";
import { type Passage, describeTimes, undisturbed } from "./latency.ts";
import type { Outage } from "./outages.ts";
import type { Sender, SentRequest } from "./sender.ts";

/** What a run prints. */

export function showSender({ webhooks, requests }: Sender, outages: readonly Outage[]): void {
  const acknowledged = webhooks.values().filter(({ acknowledgedAt }) => acknowledgedAt !== null);
  const whileUp = requests.filter(
    ({ at, durationMs }) => !outages.some(({ from, until }) => at + durationMs >= from && at <= until),
  );
  console.log(`\nsent ${webhooks.size} events, acknowledged ${[...acknowledged].length}`);
  console.log(`answers: ${countAnswers(requests)}`);
  console.log(`  while the relay was up: ${countAnswers(whileUp)}`);
  const timesMs = whileUp.filter(({ isAcknowledged }) => isAcknowledged).map(({ durationMs }) => durationMs);
  console.log(`acknowledged within: ${describeTimes(timesMs)}\n`);
}

function countAnswers(requests: readonly SentRequest[]): string {
  const byAnswer = Map.groupBy(requests, ({ answer }) => answer);
  return Array.from(byAnswer, ([answer, some]) => `${some.length} × ${answer}`).join(", ");
}

const columns = ["destination", "wanted", "delivered", "repeated", "dead", "pending", "lost", "complete"];

/** `complete`: when a destination received its last new event, after the end of the load. */
export function showAccounts(accounts: readonly { account: DestinationAccount; completeAfterMs: number }[]): void {
  const rows = accounts.map(({ account, completeAfterMs }) => {
    const { destination, wanted, delivered, repeated, dead, pending, lost } = account;
    const counts = [wanted, delivered, repeated, dead.length, pending.length, lost.length];
    return [
      destination,
      ...counts.map(String),
      delivered === 0 ? "–" : `${Math.max(0, Math.round(completeAfterMs / 1000))} s`,
    ];
  });
  for (const [destination = "", ...counts] of [columns, ...rows]) {
    console.log(`  ${destination.padEnd(18)}${counts.map((count) => count.padStart(11)).join("")}`);
  }
  console.log();
}

export function showPassages(destination: string, passages: readonly Passage[], outages: readonly Outage[]): void {
  const times = (some: readonly Passage[]) =>
    describeTimes(some.map(({ acknowledgedAt, arrivedAt }) => arrivedAt - acknowledgedAt));
  console.log(`acknowledged → arrived at "${destination}": ${times(undisturbed(passages, outages))}`);
  console.log(`  kills included: ${times(passages)}\n`);
}
