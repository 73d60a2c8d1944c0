import type { AccountContext } from "./account.ts";
import type { Configuration } from "./configuration.ts";
import { mayReplaceQueues, queuesOutside } from "./preconditions.ts";
import { type GivenSecrets, describeMissing, planSecrets } from "./secrets.ts";
import { build } from "./steps.ts";
import { type Queue, type Survey, missingMigrations } from "./survey.ts";

/** What must be made before the Worker can be deployed. */
export interface Plan {
  /** Empty queues in another jurisdiction, which are created again. */
  readonly queuesToDelete: readonly Queue[];
  readonly queuesToCreate: readonly string[];
  readonly createsDatabase: boolean;
  /** File names, in their order. */
  readonly migrations: readonly string[];
}

export function planOf(configuration: Configuration, found: Survey): Plan {
  const queuesToDelete = mayReplaceQueues(configuration, found) ? queuesOutside(configuration, found) : [];
  const isToCreate = (name: string) => !found.queues.has(name) || queuesToDelete.some((queue) => queue.name === name);
  return {
    queuesToDelete,
    queuesToCreate: configuration.queues.map(({ name }) => name).filter(isToCreate),
    createsDatabase: found.database === null,
    migrations: missingMigrations(configuration, found.database),
  };
}

/** `--dry-run`: says what a deployment would do. */
export async function showPlan(found: Survey, given: GivenSecrets, context: AccountContext): Promise<void> {
  const { configuration, say } = context;
  const { database, jurisdiction } = configuration;
  await build(context);
  const existing = found.worker?.secrets ?? [];
  const { toSet, made } = await planSecrets(existing, given, { say, questions: null });
  const plan = planOf(configuration, found);
  for (const { name } of plan.queuesToDelete) say(`Would delete the queue ${name}, which holds nothing that counts.`);
  for (const name of plan.queuesToCreate) say(`Would create the queue ${name}, jurisdiction ${jurisdiction}.`);
  if (plan.createsDatabase) say(`Would create the database ${database.name}, jurisdiction ${jurisdiction}.`);
  for (const name of plan.migrations) say(`Would apply ${name}.`);
  for (const name of Object.keys(toSet)) say(`Would ${name in made ? "make" : "set"} ${name}.`);
  say(
    found.worker === null
      ? "Would deploy the Worker."
      : `Would replace the Worker ${configuration.worker} that is there.`,
  );
  const missing = describeMissing([...existing, ...Object.keys(toSet)]);
  if (missing !== "") say(`\n${missing}`);
}
