import { type Request as MiniflareRequest, Response as MiniflareResponse, type V4WorkerOptions } from "miniflare";
import type { Account } from "./account.ts";
import type { Binding, Script } from "./scripts.ts";
import type { Module } from "./uploads.ts";

/** Stands before the uploaded code, and counts what runs: nothing that runs may be cut off by a new version. */
const ENTRY = "emulation-entry.js";
export const RUNNING = "http://emulation/running";

const entryOf = (mainModule: string) => `
import worker from "./${mainModule}";
export * from "./${mainModule}";
let running = 0;
const counted = (name) => async (...given) => {
  running += 1;
  try {
    return await worker[name](...given);
  } finally {
    running -= 1;
  }
};
export default {
  ...worker,
  queue: counted("queue"),
  scheduled: counted("scheduled"),
  fetch: (request, env, context) =>
    request.url === "${RUNNING}" ? Response.json(running) : worker.fetch(request, env, context),
};
`;

/** The live version of a Worker for a runtime on this machine, with its bindings as they were uploaded. */
export function servedOptions({ name, live }: Script, account: Account): V4WorkerOptions {
  const all = (type: string) => live.bindings.filter((binding) => binding.type === type);
  const record = <T>(bindings: readonly Binding[], value: (binding: Binding) => T) =>
    Object.fromEntries(bindings.map((binding) => [binding.name, value(binding)]));
  return {
    name,
    modules: [
      { type: "ESModule", path: ENTRY, contents: entryOf(live.mainModule) },
      ...live.modules
        .filter(isCode)
        .map((module) => ({ type: typeOf(module), path: module.name, contents: module.contents })),
    ],
    compatibilityDate: live.compatibility_date,
    compatibilityFlags: [...live.compatibility_flags],
    bindings: {
      ...record([...all("plain_text"), ...all("secret_text")], ({ text }) => String(text)),
      ...record(all("json"), ({ json }) => json as string),
    },
    d1Databases: record(all("d1"), ({ id }) => String(id)),
    queueProducers: record(all("queue"), (binding) => ({ queueName: queueOf(binding, account) })),
    queueConsumers: consumersOf(name, account),
    ...(account.internet === undefined ? {} : { outboundService: outboundTo(account.internet) }),
    ratelimits: record(all("ratelimit"), ({ namespace_id, simple }) => ({
      namespace_id: String(namespace_id),
      simple: simple as { limit: number; period: 10 | 60 },
    })),
  };
}

/** Miniflare's requests and answers are of a kind of their own. */
function outboundTo(
  internet: NonNullable<Account["internet"]>,
): (request: MiniflareRequest) => Promise<MiniflareResponse> {
  return async (request) => {
    const { url, method, headers } = request;
    const body = ["GET", "HEAD"].includes(method) ? null : await request.arrayBuffer();
    const answer = await internet(new Request(url, { method, headers: [...headers], body }));
    return new MiniflareResponse(await answer.arrayBuffer(), { status: answer.status, headers: [...answer.headers] });
  };
}

/** What is sent to the id of a queue that was deleted reaches nobody. */
function queueOf({ queue_id }: Binding, account: Account): string {
  return account.queueById(String(queue_id))?.queue_name ?? `deleted-${String(queue_id)}`;
}

function consumersOf(name: string, account: Account): NonNullable<V4WorkerOptions["queueConsumers"]> {
  const own = [...account.queues.values()].flatMap(({ queue_name, consumers }) =>
    consumers.filter(({ script }) => script === name).map((consumer) => ({ queue_name, ...consumer })),
  );
  return Object.fromEntries(
    own.map(({ queue_name, settings, dead_letter_queue }) => [
      queue_name,
      {
        maxBatchSize: settings.batch_size,
        maxBatchTimeout: settings.max_wait_time_ms / 1000,
        maxRetries: settings.max_retries,
        retryDelay: settings.retry_delay,
        ...(dead_letter_queue === undefined ? {} : { deadLetterQueue: dead_letter_queue }),
      },
    ]),
  );
}

/** A source map comes along with the modules. */
function isCode({ type }: Module): boolean {
  return !type.startsWith("application/source-map");
}

function typeOf({ name, type }: Module): "ESModule" | "Text" | "CompiledWasm" | "Data" {
  if (type.startsWith("application/javascript+module")) return "ESModule";
  if (type.startsWith("text/plain")) return "Text";
  if (type.startsWith("application/wasm")) return "CompiledWasm";
  if (type.startsWith("application/octet-stream")) return "Data";
  throw new Error(`The module ${name} is of an unknown type, ${type}`);
}
