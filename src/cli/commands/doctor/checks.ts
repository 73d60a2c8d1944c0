import { examineAccess } from "./checks/access.ts";
import { examineAddress } from "./checks/address.ts";
import { examineAnswer } from "./checks/answer.ts";
import { examineCertificate } from "./checks/certificate.ts";
import { examineClocks } from "./checks/clocks.ts";
import { examineConfiguration } from "./checks/configuration.ts";
import { examineDeadLetters } from "./checks/dead-letters.ts";
import { examineDeployment } from "./checks/deployment.ts";
import { examineDestinations } from "./checks/destinations.ts";
import { examineHealth } from "./checks/health.ts";
import { examineLedger } from "./checks/ledger.ts";
import { examineMigrations } from "./checks/migrations.ts";
import { examineOnboarding } from "./checks/onboarding.ts";
import { examineQuarantine } from "./checks/quarantine.ts";
import { examineQueues } from "./checks/queues.ts";
import { examineRefusals } from "./checks/refusals.ts";
import { examineSignature } from "./checks/signature.ts";
import { examineSubscription } from "./checks/subscription.ts";
import { examineTraffic } from "./checks/traffic.ts";
import { examineTypes } from "./checks/types.ts";
import type { Result } from "./finding.ts";
import type { Patient } from "./patient.ts";

export interface Check {
  readonly name: string;
  readonly asks: string;
  readonly examine: (patient: Patient) => Promise<Result>;
}

/** Qonto's own list for troubleshooting, in its order, and behind each of its questions what stands behind it here. */
export const checks: readonly Check[] = [
  // Is the callback_url publicly reachable over HTTPS?
  { name: "address", asks: "Can Qonto find the address?", examine: examineAddress },
  { name: "certificate", asks: "Is its certificate valid?", examine: examineCertificate },
  // Does it accept POST and respond with a 2xx within 1 second?
  { name: "answer", asks: "Is a POST answered within 1 s?", examine: examineAnswer },
  // Does the subscription exist, and is it active?
  { name: "subscription", asks: "Does Qonto send here?", examine: examineSubscription },
  // Does the event type match? There is one subscription per event type.
  { name: "types", asks: "Does it send what the destinations want?", examine: examineTypes },
  { name: "onboarding", asks: "Is the Onboarding API set up?", examine: examineOnboarding },
  // Invalid signatures: raw body, right secret, whole header, official vector.
  { name: "signature", asks: "Are signatures judged rightly?", examine: examineSignature },
  { name: "clocks", asks: "Do the clocks agree?", examine: examineClocks },
  { name: "access", asks: "Can the relay be looked into?", examine: examineAccess },
  { name: "configuration", asks: "Is it set up for where it is?", examine: examineConfiguration },
  { name: "refusals", asks: "How many requests are refused?", examine: examineRefusals },
  // Duplicates: acknowledge at once, then process asynchronously.
  { name: "health", asks: "What does the relay say of itself?", examine: examineHealth },
  { name: "migrations", asks: "Are the tables those of the code?", examine: examineMigrations },
  { name: "queues", asks: "Do the queues' consumers run?", examine: examineQueues },
  { name: "dead_letters", asks: "Has a queue given up?", examine: examineDeadLetters },
  // Webhooks that stopped.
  { name: "traffic", asks: "Does as much come as usual?", examine: examineTraffic },
  { name: "quarantine", asks: "Does anything wait to be released?", examine: examineQuarantine },
  { name: "ledger", asks: "Is every event accounted for?", examine: examineLedger },
  { name: "destinations", asks: "Do the destinations get their events?", examine: examineDestinations },
  { name: "deployment", asks: "Is all joined at Cloudflare?", examine: examineDeployment },
];
