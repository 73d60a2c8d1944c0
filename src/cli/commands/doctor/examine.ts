import { type Check, checks } from "./checks.ts";
import type { Finding, Result } from "./finding.ts";
import { CannotExamine, type Patient } from "./patient.ts";

export interface Examined {
  readonly check: Check;
  readonly result: Result;
}

/** Makes every check, in order. One that cannot be made says so, and the next is made. */
export async function examine(patient: Patient): Promise<Examined[]> {
  const examined: Examined[] = [];
  for (const check of checks) {
    patient.circumstances.progress(`${check.name}: ${check.asks}`);
    examined.push({ check, result: await resultOf(check, patient) });
  }
  return examined;
}

async function resultOf(check: Check, patient: Patient): Promise<Result> {
  try {
    return await check.examine(patient);
  } catch (error) {
    if (error instanceof CannotExamine) return error.result;
    throw error;
  }
}

export function findingsOf(examined: readonly Examined[]): Finding[] {
  return examined.flatMap(({ result }) => (result.outcome === "failed" ? result.findings : []));
}
