import { type Result, judged } from "../finding.ts";
import type { Patient } from "../patient.ts";
import type { Diagnostics } from "../relay-facts.ts";

/** The tables must be those that the code expects. */
export async function examineMigrations(patient: Patient): Promise<Result> {
  return judgeMigrations((await patient.diagnostics()).migrations, patient.circumstances.target.isLocal);
}

export function judgeMigrations({ applied, missing }: Diagnostics["migrations"], isLocal: boolean): Result {
  return judged(
    missing.length === 0
      ? []
      : [
          {
            fault: "migrations_missing",
            what: "The database lacks tables or columns that this version of the relay uses.",
            seen: `Not applied: ${missing.join(", ")}.`,
            remedy: isLocal
              ? "Restart it: `npm start` applies them."
              : "npx wrangler d1 migrations apply DB --remote (before a deploy, not after).",
          },
        ],
    `All ${applied.length} are applied.`,
  );
}
