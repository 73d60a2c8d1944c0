import { checkConnection } from "./checks/connection.ts";
import {
  checkDeadLetters,
  checkDestinations,
  checkLedger,
  checkQuarantine,
  checkRefusals,
  checkTraffic,
} from "./checks/events.ts";
import { checkAccess, checkAddress, checkAnswer, checkCertificate, checkClocks } from "./checks/network.ts";
import { checkOnboarding, checkSubscription, checkTypes } from "./checks/qonto.ts";
import { checkConfiguration, checkDeployment, checkHealth, checkMigrations, checkQueues } from "./checks/relay.ts";
import { checkSignature } from "./checks/signature.ts";
import { type ExplainedFinding, type Result, explain } from "./finding.ts";
import { CheckEnded, type Target } from "./target.ts";

interface Check {
  readonly name: string;
  readonly asks: string;
  readonly run: (target: Target) => Promise<Result>;
}

/** Qonto's own troubleshooting list, in its order, and with each of its questions what it depends on in the relay. */
const checks: readonly Check[] = [
  // Is the callback_url publicly reachable over HTTPS?
  { name: "address", asks: "Can Qonto find the address?", run: checkAddress },
  { name: "certificate", asks: "Is its certificate valid?", run: checkCertificate },
  // Does it accept POST and respond with a 2xx within 1 second?
  { name: "answer", asks: "Is a POST answered within 1 s?", run: checkAnswer },
  // Does the subscription exist, and is it active?
  { name: "subscription", asks: "Does Qonto send here?", run: checkSubscription },
  // Does the event type match? There is one subscription per event type.
  { name: "types", asks: "Does it send what the destinations want?", run: checkTypes },
  { name: "connection", asks: "Does the relay look after its source?", run: checkConnection },
  { name: "onboarding", asks: "Is the Onboarding API set up?", run: checkOnboarding },
  // Invalid signatures: raw body, right secret, whole header, official vector.
  { name: "signature", asks: "Are signatures judged rightly?", run: checkSignature },
  { name: "clocks", asks: "Do the clocks agree?", run: checkClocks },
  { name: "access", asks: "Does the operator's API let the doctor in?", run: checkAccess },
  { name: "configuration", asks: "Is it set up for where it is?", run: checkConfiguration },
  { name: "refusals", asks: "How many requests are refused?", run: checkRefusals },
  // Duplicates: acknowledge at once, then process asynchronously.
  { name: "health", asks: "What does the relay say of itself?", run: checkHealth },
  { name: "migrations", asks: "Are the tables those of the code?", run: checkMigrations },
  { name: "queues", asks: "Do the queues' consumers run?", run: checkQueues },
  { name: "dead_letters", asks: "Are there dead letters?", run: checkDeadLetters },
  // Webhooks that stopped.
  { name: "traffic", asks: "Do as many events arrive as usual?", run: checkTraffic },
  { name: "quarantine", asks: "Are there events to release?", run: checkQuarantine },
  { name: "ledger", asks: "Is every event accounted for?", run: checkLedger },
  { name: "destinations", asks: "Do the destinations get their events?", run: checkDestinations },
  { name: "deployment", asks: "Is everything connected at Cloudflare?", run: checkDeployment },
];

export interface Checked {
  readonly check: Pick<Check, "name" | "asks">;
  readonly result: Result;
  /** Those of the result, with the texts of their faults. */
  readonly findings: readonly ExplainedFinding[];
}

/** Runs every check, in order. */
export async function runChecks(target: Target): Promise<Checked[]> {
  const { address, isSandbox, progress } = target.circumstances;
  const shared = { origin: address.origin, webhook: address.webhookUrl, sandbox: isSandbox ? " --sandbox" : "" };
  const checked: Checked[] = [];
  for (const check of checks) {
    progress(`${check.name}: ${check.asks}`);
    const result = await resultOf(check, target);
    const findings = result.outcome === "failed" ? result.findings.map((finding) => explain(finding, shared)) : [];
    checked.push({ check, result, findings });
  }
  return checked;
}

async function resultOf(check: Check, target: Target): Promise<Result> {
  try {
    return await check.run(target);
  } catch (error) {
    if (error instanceof CheckEnded) return error.result;
    throw error;
  }
}
