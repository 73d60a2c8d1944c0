import { ApiError, CommandFailed } from "./api.ts";
import type { Configuration, Surroundings } from "./command.ts";

type ConfiguredDatabase = Configuration["d1_databases"][number];

/** What is to become of a binding: what the metadata of an upload says of it, or that the thing is to be made first. */
type Looked = object | "missing" | "unknown";

/** What the bindings are bound to; makes what is missing, queues under no jurisdiction. */
export async function provision(surroundings: Surroundings, worker: string): Promise<object[]> {
  const { api, account, configuration, printer } = surroundings;
  const { queues, d1_databases } = configuration;
  // Whatever fails here: nothing is inherited then.
  const settings = await api.result(`${worker}/settings`).catch(() => ({ bindings: [] }));
  const looked: { readonly name: string; binding: Looked }[] = [];
  for (const producer of queues.producers) {
    looked.push({ name: producer.binding, binding: await lookForQueue(surroundings, settings, producer) });
  }
  for (const database of d1_databases) {
    looked.push({ name: database.binding, binding: await lookForDatabase(surroundings, settings, database) });
  }
  const missing = looked.filter(({ binding }) => binding === "missing").map(({ name }) => name);
  const missingDatabases = d1_databases.filter(({ binding }) => missing.includes(binding));
  const missingQueues = queues.producers.filter(({ binding }) => missing.includes(binding));
  const made = new Map<string, object>();
  if (missingDatabases.length > 0)
    await api.result(`${account}/d1/database`, { query: { per_page: "1000", page: "1" } });
  for (const { binding, database_name: name, jurisdiction } of missingDatabases) {
    printer.log(`🌀 Creating new D1 Database "${name}"...`);
    const json = jurisdiction === undefined ? { name } : { name, jurisdiction };
    const { uuid } = await api.result(`${account}/d1/database`, { method: "POST", json });
    made.set(binding, { name: binding, type: "d1", id: uuid });
  }
  if (missingQueues.length > 0) await api.list(`${account}/queues`);
  for (const { binding, queue, delivery_delay } of missingQueues) {
    printer.log(`🌀 Creating new Queue "${queue}"...`);
    await api.result(`${account}/queues`, { method: "POST", json: { queue_name: queue } });
    made.set(binding, { name: binding, type: "queue", queue_name: queue, delivery_delay });
  }
  return looked.map(({ name, binding }) => {
    if (typeof binding === "object") return binding;
    const found = made.get(name);
    if (found === undefined) throw new CommandFailed(`${name} bindings must have a "database_id" field.`);
    return found;
  });
}

async function lookForQueue(
  { api, account }: Surroundings,
  settings: any,
  { binding: name, queue, delivery_delay }: Configuration["queues"]["producers"][number],
): Promise<Looked> {
  const isBound = settings.bindings.some(
    (one: any) => one.type === "queue" && one.name === name && one.queue_name === queue,
  );
  if (isBound && delivery_delay === undefined) return { name, type: "inherit" };
  const binding = { name, type: "queue", queue_name: queue, delivery_delay };
  try {
    const found = await api.list(`${account}/queues`, { name: queue });
    return found.some(({ queue_name }) => queue_name === queue) ? binding : "missing";
  } catch (error) {
    if (error instanceof ApiError && error.status === 403) return binding;
    throw error;
  }
}

async function lookForDatabase(
  { api, account }: Surroundings,
  settings: any,
  { binding: name, database_name, jurisdiction }: ConfiguredDatabase,
): Promise<Looked> {
  const refuseOther = (found: any) => {
    if (jurisdiction === undefined || jurisdiction === found.jurisdiction) return;
    throw new CommandFailed(
      `D1 database "${found.name}" (${found.uuid}) is in jurisdiction "${found.jurisdiction ?? "default"}", but the "${name}" binding specifies jurisdiction "${jurisdiction}".`,
    );
  };
  const look = (idOrName: string) => api.result(`${account}/d1/database/${idOrName}`);
  try {
    const bound = settings.bindings.find((one: any) => one.type === "d1" && one.name === name);
    const inherited = bound === undefined ? null : await look(bound.id);
    if (inherited?.name === database_name) {
      refuseOther(inherited);
      return { name, type: "inherit" };
    }
    const found = await look(database_name).catch((error) => {
      if (error instanceof ApiError && error.code === 7404) return null;
      throw error;
    });
    if (found === null) return "missing";
    refuseOther(found);
    return { name, type: "d1", id: found.uuid };
  } catch (error) {
    if (error instanceof ApiError && error.status === 403) return "unknown";
    throw error;
  }
}
