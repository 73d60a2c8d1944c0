import type { Configuration } from "./configuration.ts";
import { mayReplaceQueues, queuesOutside } from "./preconditions.ts";
import { type Queue, type Survey, missingMigrations } from "./survey.ts";

/** What is to be made before the Worker can be deployed. */
export interface Plan {
  /** Elsewhere than they should be, and empty: they are created again. */
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
