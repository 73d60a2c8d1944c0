import { type FaultName, type Finding, type Result, judged } from "../finding.ts";
import type { Patient } from "../patient.ts";
import type { Diagnostics } from "../relay-facts.ts";

type Counts = Diagnostics["signatures"];
type Kind = Exclude<keyof Counts, "since" | "authentic">;

interface Rule {
  readonly fault: FaultName;
  /** Fewer are nobody's fault. */
  readonly atLeast: number;
  /** Of all requests. */
  readonly share: number;
  readonly what: string;
  readonly remedy: string;
  readonly commands?: readonly string[];
}

/** Anyone scans the internet finds the address and sends what has no signature: that alone means nothing. */
const rules: Readonly<Record<Kind, Rule>> = {
  mismatched: {
    fault: "signatures_mismatched",
    atLeast: 3,
    share: 0.01,
    what: "Events come under a secret that the relay does not know: a subscription of yours, or a forger.",
    remedy:
      "Compare QONTO_WEBHOOK_SECRETS with the secret of each subscription; with the header and body of one request `verify` names the mistake.",
    commands: ["npm run qonto -- subscriptions list", "npm run qonto -- verify --help"],
  },
  too_old: {
    fault: "signatures_too_old",
    atLeast: 3,
    share: 0.01,
    what: "Events come with signatures that are too old: after an outage Qonto's retries, otherwise a clock or a slow way.",
    remedy: "Look at `clocks`; what was refused so is in quarantine, where you can release it.",
  },
  in_future: {
    fault: "signatures_in_future",
    atLeast: 3,
    share: 0.01,
    what: "Events come with signatures of the future: the relay's clock is behind.",
    remedy: "Look at `clocks`. Qonto sends them again.",
  },
  malformed: {
    fault: "signatures_malformed",
    atLeast: 3,
    share: 0.01,
    what: "Events come with signature headers that nobody can read: something on the way changes them.",
    remedy: "Look at what stands before the relay; `verify` says what is wrong with one.",
    commands: ["npm run qonto -- verify --help"],
  },
  missing: {
    fault: "signatures_missing",
    atLeast: 20,
    share: 0.5,
    what: "Most requests come without a signature: something on the way drops the header, or strangers found the address.",
    remedy: "If `traffic` is silent too, look at what stands before the relay; otherwise it does no harm.",
  },
};

/** How many of the last day's requests were refused for their signature. */
export async function examineRefusals(patient: Patient): Promise<Result> {
  return judgeRefusals((await patient.diagnostics()).signatures);
}

export function judgeRefusals(counts: Counts): Result {
  const kinds = Object.keys(rules).filter((kind): kind is Kind => kind in rules);
  const all = kinds.reduce((sum, kind) => sum + counts[kind], counts.authentic);
  const found = kinds.flatMap((kind): Finding[] => {
    const { atLeast, share, ...rule } = rules[kind];
    const count = counts[kind];
    if (count < atLeast || count / all < share) return [];
    const percent = Math.round((100 * count) / all);
    const since = new Date(counts.since).toISOString();
    return [{ ...rule, seen: `Since ${since}: ${count} of ${all} requests, ${percent} %.` }];
  });
  const refused = kinds.map((kind) => `${counts[kind]} ${kind.replace("_", " ")}`).join(", ");
  return judged(found, `In the last day ${counts.authentic} authentic; refused ${refused}.`);
}
