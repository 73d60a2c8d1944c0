import { z } from "zod";
import { latestEventSql } from "../../store/migrations.ts";
import { Fault } from "../fault.ts";
import { ApiError } from "./api.ts";
import { printNotes } from "./deploy.ts";
import { inspect } from "./inspect.ts";
import { couldNotLook, isPermissionMissing } from "./preconditions.ts";
import { describeMissing } from "./secrets.ts";
import type { Step } from "./steps.ts";
import { type Survey, type Surveyed, rowsOf } from "./survey.ts";

/** Says what is deployed. Throws what is wrong with it. */
export async function showStatus(found: Surveyed, step: Step): Promise<void> {
  const { configuration, context } = step;
  const { say } = context;
  const [failure] = found.failures;
  if (failure !== undefined) {
    throw new Fault(couldNotLook(failure), {
      remedy: isPermissionMissing(failure.error) ? `Give the token ${failure.service}:Read.` : "Run it again.",
    });
  }
  const { worker, database } = found;
  if (worker === null)
    throw new Fault("Nothing is deployed.", {
      remedy: "`npm run deploy -- --dry-run` says what a deployment would do.",
    });
  const { deployment, secrets, crons } = worker;
  const facts: readonly (readonly [string, string])[] = [
    ["Version", deployment === null ? "not listed" : `${deployment.versionId}, since ${deployment.createdAt ?? "?"}`],
    [
      "Database",
      database === null ? "none" : `${configuration.database.name} (${database.jurisdiction ?? "no jurisdiction"})`,
    ],
    ["Schema", database?.appliedMigrations.at(-1) ?? "none"],
    [
      "Queues",
      [...found.queues.values()]
        .map(({ name, jurisdiction }) => `${name} (${jurisdiction ?? "no jurisdiction"})`)
        .join(", "),
    ],
    ["Secrets", secrets.join(", ") || "none"],
    ["Cron", crons === null ? "not said" : crons.join(", ") || "none"],
    ["Last event", await lastEvent(found, step)],
  ];
  for (const [name, text] of facts) say(`${name.padEnd(12)}${text}`);
  const inspection = inspect(configuration, found);
  printNotes(inspection, say);
  const missing = describeMissing(secrets);
  if (missing !== "") say(`\n${missing}`);
  const { missing: lacks, wrong } = inspection;
  const sentences = [...(lacks.length === 0 ? [] : [`The relay is without ${lacks.join(", ")}.`]), ...wrong];
  if (sentences.length > 0)
    throw new Fault(sentences.join("\n"), {
      remedy: wrong.length === 0 ? "Run `npm run deploy`." : "Do that, then run `npm run deploy`.",
    });
}

async function lastEvent({ database }: Survey, { account }: Step): Promise<string> {
  if (database === null) return "none";
  const row = z.object({ type: z.string(), received_at: z.number() });
  try {
    const [latest] = (await rowsOf(account.api, account.path, database.id, latestEventSql, row)) ?? [];
    return latest === undefined ? "none" : `${new Date(latest.received_at).toISOString()}, ${latest.type}`;
  } catch (error) {
    if (error instanceof ApiError) return `not known: ${error.message}`;
    throw error;
  }
}
