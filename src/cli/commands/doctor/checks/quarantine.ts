import { z } from "zod";
import { countText } from "../count-text.ts";
import { operatorCall } from "../operator-call.ts";
import { type Result, judged } from "../finding.ts";
import type { Patient } from "../patient.ts";

const LOOKED_AT = 100;

const quarantined = z.object({ id: z.string(), reason: z.string(), received_at: z.string() });

type Quarantined = z.output<typeof quarantined>;

/** An event in quarantine is Qonto's own, and reaches no destination until somebody releases it. */
export async function examineQuarantine(patient: Patient): Promise<Result> {
  const waiting = await patient.inside((relay) =>
    Array.fromAsync(relay.list("/api/quarantine", quarantined, { limit: LOOKED_AT })),
  );
  return judgeQuarantine(waiting, patient.circumstances.target.origin);
}

function judgeQuarantine(waiting: readonly Quarantined[], origin: string): Result {
  const reasons = Map.groupBy(waiting, ({ reason }) => reason);
  const counted = Array.from(reasons, ([reason, those]) => `${those.length} ${reason}`).join(", ");
  return judged(
    waiting.length === 0
      ? []
      : [
          {
            fault: "quarantine_waiting",
            what: "Authentic events wait in quarantine, and reach no destination.",
            seen: `GET /api/quarantine: ${countText(waiting.length, LOOKED_AT)} (${counted}), the newest of ${waiting[0]?.received_at ?? ""}.`,
            remedy: "Look at them, and release each. Many that are timestamp_too_old come of an outage, or of a clock.",
            commands: waiting
              .slice(0, 3)
              .map(({ id }) => operatorCall("POST", `${origin}/api/quarantine/${id}/release`)),
          },
        ],
    "Nothing waits in it.",
  );
}
