import { planOf } from "./plan.ts";
import { type GivenSecrets, describeMissing, planSecrets } from "./secrets.ts";
import { type Step, build } from "./steps.ts";
import type { Survey } from "./survey.ts";

/** Says what a deployment would do. */
export async function rehearse(found: Survey, given: GivenSecrets, step: Step): Promise<void> {
  const { configuration, context } = step;
  const { database, jurisdiction } = configuration;
  const { say } = context;
  await build(step);
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
