import { type Finding, type Result, judged, skipped } from "../finding.ts";
import { DEPLOY, type Patient } from "../patient.ts";
import type { Diagnostics } from "../relay-facts.ts";

/** Seen from inside, by /health, or by the answer to an event. */
export const migrationsMissing = {
  fault: "migrations_missing",
  what: "The database lacks tables or columns that this version of the relay uses: every event is refused.",
  remedy: "Run `npm run deploy`, which applies them before it deploys. Restart a local one: `npm start` applies them.",
  commands: [DEPLOY],
} as const satisfies Omit<Finding, "seen">;

/** The tables must be those that the code expects. */
export async function examineMigrations(patient: Patient): Promise<Result> {
  return judgeMigrations((await patient.diagnostics()).migrations, await patient.isNotReady());
}

function judgeMigrations({ applied, missing }: Diagnostics["migrations"], isToldByAnswer: boolean): Result {
  const seen = `Not applied: ${missing.join(", ")}.`;
  if (missing.length > 0 && isToldByAnswer) return skipped(`${seen} See \`answer\`.`);
  return judged(missing.length === 0 ? [] : [{ ...migrationsMissing, seen }], `All ${applied.length} are applied.`);
}
