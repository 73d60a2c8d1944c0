import { type Finding, type Result, judged, skipped } from "../finding.ts";
import type { Patient } from "../patient.ts";

const USUAL_TOLERANCE_SECONDS = 300;
/** No clock that is set by the network is this far off. */
const MOST_APART_MS = 30_000;

export interface Clocks {
  /** How far each is ahead of this machine's; null when it did not tell. */
  readonly relayAheadMs: number | null;
  readonly qontoAheadMs: number | null;
  readonly toleranceSeconds: number | null;
  /** The relay's clock is this machine's own. */
  readonly isLocal: boolean;
}

/** A signature is judged by its age: signer and judge must agree on the time. */
export async function examineClocks(patient: Patient): Promise<Result> {
  const { qonto, target } = patient.circumstances;
  return judgeClocks({
    relayAheadMs: await patient.clockAheadMs(),
    qontoAheadMs: "thing" in qonto ? qonto.thing.clockAheadMs() : null,
    toleranceSeconds: (await patient.knownDiagnostics())?.configuration.signature_tolerance_seconds ?? null,
    isLocal: target.isLocal,
  });
}

export function judgeClocks({ relayAheadMs, qontoAheadMs, toleranceSeconds, isLocal }: Clocks): Result {
  const tolerance = toleranceSeconds ?? USUAL_TOLERANCE_SECONDS;
  const limitMs = Math.min(MOST_APART_MS, Math.max(2_000, tolerance * 500));
  const isApart = (ms: number) => Math.abs(ms) > limitMs;
  const seen = [
    ...(relayAheadMs === null ? [] : [`The relay's clock is ${apart(relayAheadMs)} this machine's`]),
    ...(qontoAheadMs === null ? [] : [`Qonto's clock is ${apart(qontoAheadMs)} this machine's`]),
  ].join("; ");
  if (seen === "")
    return skipped("Neither the relay nor Qonto tells the time.", "Set QONTO_ACCESS_TOKEN to ask Qonto.");
  const finding = (fault: Finding["fault"], what: string, remedy: string): Finding => ({
    fault,
    what,
    seen: `${seen}.`,
    remedy,
  });
  const network = "Set it by the network: timedatectl set-ntp true, or the machine's own way.";
  const findings: Finding[] = [];
  if (relayAheadMs !== null && qontoAheadMs === null && isApart(relayAheadMs)) {
    findings.push(
      finding(
        "clocks_disagree",
        "The relay's clock and this machine's disagree; one of them is wrong.",
        `A Worker's clock is right: look at this one first. ${network}`,
      ),
    );
  }
  if (relayAheadMs !== null && qontoAheadMs !== null && isApart(relayAheadMs - qontoAheadMs)) {
    const what = `The relay's clock is wrong: at ${tolerance} s apart it refuses every event of Qonto's.`;
    findings.push(finding("relay_clock_off", what, network));
  }
  // The clock of a relay on this machine has been judged by then.
  if (qontoAheadMs !== null && isApart(qontoAheadMs) && !(isLocal && relayAheadMs !== null)) {
    findings.push(finding("own_clock_off", "This machine's clock is wrong: what it signs is refused.", network));
  }
  return judged(findings, `${seen}; ${tolerance} s are tolerated.`);
}

function apart(ms: number): string {
  const seconds = Math.round(Math.abs(ms) / 1000);
  if (seconds < 1) return "level with";
  return `${seconds} s ${ms > 0 ? "ahead of" : "behind"}`;
}
