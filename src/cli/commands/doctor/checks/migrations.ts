import { type Result, judged } from "../finding.ts";
import { APPLY_MIGRATIONS, type Patient } from "../patient.ts";
import type { Diagnostics } from "../relay-facts.ts";

/** The tables must be those that the code expects. */
export async function examineMigrations(patient: Patient): Promise<Result> {
  return judgeMigrations((await patient.diagnostics()).migrations, patient.circumstances.target.isLocal);
}

function judgeMigrations({ applied, missing }: Diagnostics["migrations"], isLocal: boolean): Result {
  return judged(
    missing.length === 0
      ? []
      : [
          {
            fault: "migrations_missing",
            what: "The database lacks tables or columns that this version of the relay uses.",
            seen: `Not applied: ${missing.join(", ")}.`,
            ...(isLocal
              ? { remedy: "Restart it: `npm start` applies them." }
              : { remedy: "Apply them; next time before the deploy.", commands: [APPLY_MIGRATIONS] }),
          },
        ],
    `All ${applied.length} are applied.`,
  );
}
