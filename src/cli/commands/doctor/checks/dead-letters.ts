import { z } from "zod";
import { type Result, judged } from "../finding.ts";
import type { Patient } from "../patient.ts";
import { operatorCall } from "../operator-call.ts";
import { countText } from "../count-text.ts";

const LOOKED_AT = 100;

const deadLetter = z.object({
  id: z.string(),
  kind: z.string(),
  received_at: z.string(),
  replayed_at: z.string().nullable(),
});

type DeadLetter = z.output<typeof deadLetter>;

/** What a queue has given up on waits for somebody to look. */
export async function examineDeadLetters(patient: Patient): Promise<Result> {
  const letters = await patient.inside((relay) =>
    Array.fromAsync(relay.list("/api/dead-letters", deadLetter, { limit: LOOKED_AT })),
  );
  return judgeDeadLetters(letters, patient.circumstances.target.origin);
}

function judgeDeadLetters(letters: readonly DeadLetter[], origin: string): Result {
  const waiting = letters.filter(({ replayed_at }) => replayed_at === null);
  const kinds = [...new Set(waiting.map(({ kind }) => kind))].join(", ");
  return judged(
    waiting.length === 0
      ? []
      : [
          {
            fault: "dead_letters_waiting",
            what: "A queue has given up on messages: their work is not done.",
            seen: `GET /api/dead-letters: ${countText(waiting.length, LOOKED_AT)} not replayed (${kinds}), the newest of ${waiting[0]?.received_at ?? ""}.`,
            remedy: "Look in the log why they failed, and mend it; then send each again.",
            commands: waiting
              .slice(0, 3)
              .map(({ id }) => operatorCall("POST", `${origin}/api/dead-letters/${id}/replay`)),
          },
        ],
    letters.length === 0 ? "There are none." : "All have been replayed.",
  );
}
