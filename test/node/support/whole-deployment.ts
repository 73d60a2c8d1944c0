import { readConfiguration } from "../../../src/cli/deploy/configuration.ts";
import type { Queue, Survey } from "../../../src/cli/deploy/survey.ts";

/** What a look at the account finds of a relay that is deployed as it should be. */
export async function wholeDeployment() {
  const configuration = await readConfiguration();
  const { worker, jurisdiction, crons, database } = configuration;
  const queues = configuration.queues.map(({ name, deadLetterQueue }): [string, Queue] => [
    name,
    {
      id: `id-of-${name}`,
      name,
      jurisdiction,
      producers: [worker],
      backlog: null,
      consumers: [{ id: `consumer-of-${name}`, worker, deadLetterQueue }],
    },
  ]);
  const found = {
    subdomain: "test",
    queues: new Map(queues),
    database: { id: "database", jurisdiction, appliedMigrations: database.migrations },
    worker: { secrets: [], deployment: null, crons, isOnWorkersDev: true, databaseId: "database" },
    failures: [],
  } satisfies Survey & { failures: [] };
  return { configuration, found };
}
