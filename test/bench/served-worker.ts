import { ChildProcess } from "node:child_process";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { readFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { Miniflare, type V4MiniflareOptions, convertV4MiniflareOptions } from "miniflare";
import { z } from "zod";
import { workerOptions } from "../../src/local/local-worker.ts";
import { RelayClient } from "../../src/cli/relay-client.ts";
import { applyMigrations } from "../../src/store/migrations.ts";
import { bundle, root } from "./bundle.ts";
import { processorMs } from "./processor-time.ts";
import { removeDirectory, temporaryDirectory } from "./temporary-directory.ts";

export const SECRET = "bench-secret";
export const ADMIN_TOKEN = "bench-admin-token";

const DRAINED_WITHIN_MS = 30_000;

interface Changes {
  readonly bindings?: Readonly<Record<string, string>>;
  /** The batching delay, instead of the one in wrangler.toml. */
  readonly batchingSeconds?: number;
  /** Gets each line of the Worker's log. */
  readonly onLog?: (line: string) => void;
}

type Database = Awaited<ReturnType<Miniflare["getD1Database"]>>;

/**
 * A built Worker in a runtime of its own, with the bindings of wrangler.toml on temporary state. Requests go
 * straight to the runtime's own socket.
 */
export class ServedWorker {
  readonly url: string;
  readonly db: Database;
  readonly #miniflare: Miniflare;
  readonly #state: string;
  readonly #runtime: ChildProcess | undefined;

  private constructor(
    { miniflare, state, runtime }: { miniflare: Miniflare; state: string; runtime: ChildProcess | undefined },
    url: URL,
    db: Database,
  ) {
    this.#miniflare = miniflare;
    this.#state = state;
    this.#runtime = runtime;
    this.url = url.origin;
    this.db = db;
  }

  static async start(entry: string, changes: Changes = {}): Promise<ServedWorker> {
    const state = temporaryDirectory();
    const started: ChildProcess[] = [];
    const note = (message: unknown) => void started.push(...processesIn(message));
    subscribe("child_process", note);
    const miniflare = new Miniflare(convertV4MiniflareOptions(await optionsOf(entry, changes, state)));
    try {
      const url = await miniflare.unsafeGetDirectURL("relay");
      const db = await miniflare.getD1Database("DB");
      await applyMigrations(db, (name) => readFileSync(path.join(root, "migrations", name), "utf8"));
      // The other process is the shell that ends it (src/local/local-worker.ts).
      const runtime = started.find(({ spawnfile }) => spawnfile.endsWith("workerd"));
      return new ServedWorker({ miniflare, state, runtime }, url, db);
    } catch (error) {
      await miniflare.dispose();
      removeDirectory(state);
      throw error;
    } finally {
      unsubscribe("child_process", note);
    }
  }

  /** Processor time of the runtime with D1 and the queues, in milliseconds. */
  processorMs(): number {
    return processorMs(this.#runtime?.pid);
  }

  /** Waits until no event is queued, so that one measurement does not slow the next; false if some stay. */
  async drained(): Promise<boolean> {
    const queue = await this.#miniflare.getQueueProducer("EVENTS");
    for (let waitedMs = 0; waitedMs < DRAINED_WITHIN_MS; waitedMs += 100) {
      if ((await queue.metrics()).backlogCount === 0) return true;
      await wait(100);
    }
    return false;
  }

  /** Size of D1. */
  async databaseBytes(): Promise<number> {
    return (await this.db.prepare("SELECT 1").all()).meta.size_after;
  }

  /** Creates a destination, and returns its id. */
  async addDestination(url: string, settings: object = {}): Promise<string> {
    const client = new RelayClient(this.url, ADMIN_TOKEN);
    return (await client.post("/api/destinations", { url, ...settings }, z.object({ id: z.string() }))).id;
  }

  async stop(): Promise<void> {
    await this.#miniflare.dispose();
    removeDirectory(this.#state);
  }
}

/** Miniflare does not say which process its runtime is. */
function processesIn(message: unknown): ChildProcess[] {
  return message instanceof Object && "process" in message && message.process instanceof ChildProcess
    ? [message.process]
    : [];
}

async function optionsOf(
  entry: string,
  { bindings, batchingSeconds, onLog }: Changes,
  state: string,
): Promise<V4MiniflareOptions> {
  const { queueConsumers = {}, ...worker } = await workerOptions(await bundle(entry), 0);
  return {
    ...worker,
    resourcePersistencePath: state,
    queueConsumers: batchingSeconds === undefined ? queueConsumers : withBatching(queueConsumers, batchingSeconds),
    bindings: { QONTO_WEBHOOK_SECRETS: SECRET, ADMIN_TOKEN, ALLOW_PRIVATE_DESTINATIONS: "true", ...bindings },
    // Printing the log would cost as much as the relay itself.
    handleStructuredLogs: ({ message }) => onLog?.(message),
  };
}

function withBatching(consumers: object, maxBatchTimeout: number) {
  return Object.fromEntries(
    Object.entries(consumers).map(([queue, consumer]) => [queue, { ...consumer, maxBatchTimeout }]),
  );
}
