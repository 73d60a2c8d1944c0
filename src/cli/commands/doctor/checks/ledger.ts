import { z } from "zod";
import { type Result, judged } from "../finding.ts";
import type { Patient } from "../patient.ts";

const DAYS = 7;
const DAY_MS = 86_400_000;

const ledgerFacts = z.object({
  received: z.number(),
  settled: z.number(),
  pending: z.number(),
  unmatched: z.number(),
  quarantined: z.number(),
  balanced: z.boolean(),
});

type Ledger = z.output<typeof ledgerFacts>;

/** What came in must be somewhere. */
export async function examineLedger(patient: Patient): Promise<Result> {
  const { now } = await patient.diagnostics();
  const since = new Date(now - DAYS * DAY_MS).toISOString();
  return judgeLedger(await patient.inside((relay) => relay.get("/api/ledger", ledgerFacts, { since })));
}

function judgeLedger({ balanced, ...counts }: Ledger): Result {
  const { received, settled, pending, unmatched, quarantined } = counts;
  const text = `${received} received: ${settled} settled, ${pending} pending, ${unmatched} unmatched, ${quarantined} quarantined`;
  return judged(
    balanced
      ? []
      : [
          {
            fault: "ledger_unbalanced",
            what: "The ledger does not balance: an event or a delivery is in no state, or in two.",
            seen: `GET /api/ledger of the last ${DAYS} days: ${text}.`,
            remedy: "This is a fault of the relay: keep its log and a copy of the database, and report it.",
            commands: ["npx wrangler d1 export DB --remote --output relay.sql"],
          },
        ],
    `Balanced over the last ${DAYS} days. ${text}.`,
  );
}
