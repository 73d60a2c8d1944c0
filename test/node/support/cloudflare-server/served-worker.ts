import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import {
  Miniflare,
  type Request as MiniflareRequest,
  Response as MiniflareResponse,
  type V4WorkerOptions,
  convertV4MiniflareOptions,
} from "miniflare";
import "../../../../src/local/local-worker.ts";
import type { Account } from "./accounts.ts";
import type { Database } from "./databases.ts";
import { type Binding, type Module, type Script, scriptOf } from "./scripts.ts";

const DRAINS_WITHIN_MS = 10_000;
const LOOKS_EVERY_MS = 10;

/**
 * An uploaded Worker in a runtime of its own. A new version refuses no request: those in flight end first, others wait until
 * it is ready. Queues are in the runtime's memory. They are drained before a change; messages that wait for a retry are
 * lost. Each served Worker has queues and databases of its own.
 */
export class ServedWorker {
  /** The lines of its log. */
  readonly logs: string[] = [];
  readonly #account: Account;
  readonly #name: string;
  readonly #state = mkdtempSync(path.join(os.tmpdir(), "qonto-relay-uploaded-"));
  readonly #inFlight = new Set<Promise<unknown>>();
  #runtime: Miniflare | null = null;
  #serves = "";
  /** Settles when the last upload serves. */
  #ready: Promise<void> = Promise.resolve();

  constructor(account: Account, name: string) {
    this.#account = account;
    this.#name = name;
    this.refresh();
  }

  /** The answer is read completely. */
  async fetch(request: Request): Promise<Response> {
    const { url, method, headers } = request;
    const body = await request.arrayBuffer();
    return this.#use(async (runtime) => {
      const answer = await runtime.dispatchFetch(url, {
        method,
        headers: [...headers],
        redirect: "manual",
        ...(body.byteLength === 0 ? {} : { body }),
      });
      const content = await answer.arrayBuffer();
      const { status, statusText } = answer;
      const more = { status, statusText, headers: [...answer.headers] as [string, string][] };
      return new Response(content.byteLength === 0 ? null : content, more);
    });
  }

  /** Runs it for each of its schedules. */
  async scheduled(): Promise<void> {
    await this.#use(async (runtime) => {
      const worker = await runtime.getWorker();
      for (const { cron } of scriptOf(this.#account, this.#name).schedules) await worker.scheduled({ cron });
    });
  }

  /** Serves the live version, if it has changed. */
  refresh(): void {
    const script = this.#account.scripts.get(this.#name);
    if (script === undefined) return;
    const options = servedOptions(script, this.#account);
    const serves = JSON.stringify([script.live.id, { ...options, modules: [] }]);
    if (serves === this.#serves) return;
    this.#serves = serves;
    this.#ready = this.#ready.catch(() => undefined).then(() => this.#serve(options));
    // The next request rejects with the error.
    this.#ready.catch(() => undefined);
  }

  /** Rejects when the last upload does not start. */
  ready(): Promise<void> {
    return this.#ready;
  }

  async stop(): Promise<void> {
    await this.#ready.catch(() => undefined);
    await Promise.allSettled(this.#inFlight);
    await this.#runtime?.dispose();
    rmSync(this.#state, { recursive: true, force: true });
  }

  async #use<T>(run: (runtime: Miniflare) => Promise<T>): Promise<T> {
    for (let held: Promise<void> | null = null; held !== this.#ready;) {
      held = this.#ready;
      await held;
    }
    if (this.#runtime === null) throw new Error(`${this.#name} does not serve`);
    const running = run(this.#runtime);
    this.#inFlight.add(running);
    try {
      return await running;
    } finally {
      this.#inFlight.delete(running);
    }
  }

  async #serve(options: ReturnType<typeof servedOptions>): Promise<void> {
    await Promise.allSettled(this.#inFlight);
    try {
      await this.#replace(options);
    } catch (error) {
      // A runtime that failed to start cannot be used again.
      await this.#runtime?.dispose().catch(() => undefined);
      this.#runtime = null;
      throw error;
    }
  }

  async #replace(options: ReturnType<typeof servedOptions>): Promise<void> {
    const all = convertV4MiniflareOptions({
      ...options,
      resourcePersistencePath: this.#state,
      // Miniflare looks `cf` up on the internet.
      cf: false,
      handleStructuredLogs: ({ message }) => void this.logs.push(message),
    });
    if (this.#runtime === null) {
      this.#runtime = new Miniflare(all);
    } else {
      await drain(this.#runtime, Object.keys(options.queueProducers ?? {}));
      await this.#runtime.setOptions(all);
    }
    const runtime = this.#runtime;
    await runtime.ready;
    for (const [binding, database] of this.#databases()) {
      await database.moveTo(await runtime.getD1Database(binding), (query) =>
        this.#use(async () => query(await runtime.getD1Database(binding))),
      );
    }
  }

  #databases(): [string, Database][] {
    const bindings = scriptOf(this.#account, this.#name).live.bindings.filter(({ type }) => type === "d1");
    return bindings.flatMap(({ name, id }) => {
      const database = this.#account.database(String(id));
      return database === undefined ? [] : [[name, database]];
    });
  }
}

/** Waits until no message is queued, and nothing runs. */
async function drain(runtime: Miniflare, producers: readonly string[]): Promise<void> {
  for (let waitedMs = 0; waitedMs < DRAINS_WITHIN_MS; waitedMs += LOOKS_EVERY_MS) {
    let busy = Number(await (await runtime.dispatchFetch(RUNNING)).json());
    for (const name of producers) busy += (await (await runtime.getQueueProducer(name)).metrics()).backlogCount;
    if (busy === 0) return;
    await wait(LOOKS_EVERY_MS);
  }
}

/** Wraps the uploaded code, and counts running invocations: a new version waits for them. */
const ENTRY = "emulation-entry.js";
const RUNNING = "http://emulation/running";

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

/** Miniflare has classes of its own for requests and responses. */
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

/** A message to a deleted queue's id is lost. */
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

/** An upload has source maps beside the modules. */
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
