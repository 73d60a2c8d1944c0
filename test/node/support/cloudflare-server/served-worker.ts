import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { Miniflare, convertV4MiniflareOptions } from "miniflare";
import "../../../../src/local/local-worker.ts";
import type { Account } from "./account.ts";
import type { Database } from "./databases.ts";
import { scriptOf } from "./scripts.ts";
import { RUNNING, servedOptions } from "./served-options.ts";

const DRAINS_WITHIN_MS = 10_000;
const LOOKS_EVERY_MS = 10;

/**
 * A Worker that was uploaded, in a runtime of its own. A new version takes its place without refusing a request: what comes
 * meanwhile is held until the new one stands, what is in flight ends first. Queues live in the runtime's memory. They are
 * emptied before a change, but for messages that wait to be tried again, which are lost. Another Worker that is served
 * shares neither queues nor databases with it.
 */
export class ServedWorker {
  /** Each line that it logs. */
  readonly logs: string[] = [];
  readonly #account: Account;
  readonly #name: string;
  readonly #state = mkdtempSync(path.join(os.tmpdir(), "qonto-relay-uploaded-"));
  readonly #inFlight = new Set<Promise<unknown>>();
  #runtime: Miniflare | null = null;
  #serves = "";
  /** Settles when what was last uploaded serves. */
  #standing: Promise<void> = Promise.resolve();

  constructor(account: Account, name: string) {
    this.#account = account;
    this.#name = name;
    this.refresh();
  }

  /** Its answer comes whole. */
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

  /** Serves what is live now, if that is something else than before. */
  refresh(): void {
    const script = this.#account.scripts.get(this.#name);
    if (script === undefined) return;
    const options = servedOptions(script, this.#account);
    const serves = JSON.stringify([script.live.id, { ...options, modules: [] }]);
    if (serves === this.#serves) return;
    this.#serves = serves;
    this.#standing = this.#standing.catch(() => undefined).then(() => this.#serve(options));
    // The next request to the Worker rejects with it.
    this.#standing.catch(() => undefined);
  }

  /** Rejects when what was uploaded last does not start. */
  stands(): Promise<void> {
    return this.#standing;
  }

  async stop(): Promise<void> {
    await this.#standing.catch(() => undefined);
    await Promise.allSettled(this.#inFlight);
    await this.#runtime?.dispose();
    rmSync(this.#state, { recursive: true, force: true });
  }

  async #use<T>(run: (runtime: Miniflare) => Promise<T>): Promise<T> {
    for (let held: Promise<void> | null = null; held !== this.#standing;) {
      held = this.#standing;
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
      // A runtime that failed to start is good for nothing more.
      await this.#runtime?.dispose().catch(() => undefined);
      this.#runtime = null;
      throw error;
    }
  }

  async #replace(options: ReturnType<typeof servedOptions>): Promise<void> {
    const all = convertV4MiniflareOptions({
      ...options,
      resourcePersistencePath: this.#state,
      // It would be looked up on the internet.
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

/** Waits until no message waits for its turn, and nothing runs. */
async function drain(runtime: Miniflare, producers: readonly string[]): Promise<void> {
  for (let waitedMs = 0; waitedMs < DRAINS_WITHIN_MS; waitedMs += LOOKS_EVERY_MS) {
    let busy = Number(await (await runtime.dispatchFetch(RUNNING)).json());
    for (const name of producers) busy += (await (await runtime.getQueueProducer(name)).metrics()).backlogCount;
    if (busy === 0) return;
    await wait(LOOKS_EVERY_MS);
  }
}
