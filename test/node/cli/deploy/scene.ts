import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { Writable } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import type { Configuration } from "../../../../src/cli/deploy/configuration.ts";
import { type Questions, type Run, TOOK_TOO_LONG, type Wrangler } from "../../../../src/cli/deploy/context.ts";
import { runDeploy } from "../../../../src/cli/deploy/run-deploy.ts";
import type { World } from "../../../../src/cli/world.ts";
import { CloudflareServer } from "../../support/cloudflare-server/cloudflare-server.ts";
import { PlayedWrangler } from "./played-wrangler.ts";

export const queues = ["qonto-relay-events", "qonto-relay-retries", "qonto-relay-dead-letters"];

interface Deployed {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Its changes, in order. */
  readonly changes: readonly string[];
}

interface Options {
  readonly env?: Environment;
  readonly questions?: Questions | null;
  readonly wrangler?: Wrangler;
  readonly configuration?: Configuration;
}

type Environment = Readonly<Record<string, string>>;

/** `npm run deploy` against an emulated Cloudflare, in this process, in virtual time. */
export class Scene {
  readonly cloudflare = new CloudflareServer();
  readonly #home = mkdtempSync(path.join(os.tmpdir(), "qonto-relay-scene-"));
  readonly #clock = new Clock(() => this.cloudflare.hanging > 0 && this.#inFlight === this.cloudflare.hanging);
  #inFlight = 0;

  /** Unix milliseconds of its own time. */
  now(): number {
    return this.#clock.now();
  }

  /** Id of the live version. */
  liveVersion(): string | undefined {
    return this.cloudflare.account().scripts.get("qonto-relay")?.live.id;
  }

  /** The log of a failed run. */
  log(): string {
    return readFileSync(path.join(this.#home, ".wrangler", "deploy.log"), "utf8");
  }

  async stop(): Promise<void> {
    await this.cloudflare.stop();
    rmSync(this.#home, { recursive: true, force: true });
  }

  /** The secrets of the live version. */
  secrets(): Readonly<Record<string, string>> {
    const bindings = this.cloudflare.account().scripts.get("qonto-relay")?.live.bindings ?? [];
    const secrets = bindings.filter(({ type }) => type === "secret_text");
    return Object.fromEntries(secrets.map((secret) => [secret.name, String(secret["text"])]));
  }

  async deploy(
    programArguments: readonly string[] = [],
    { env = {}, questions = null, ...others }: Options = {},
  ): Promise<Deployed> {
    const before = this.cloudflare.changes.length;
    const said = { stdout: "", stderr: "" };
    const listen = (name: "stdout" | "stderr") =>
      new Writable({
        decodeStrings: false,
        write: (text: string, _encoding, done) => {
          said[name] += text;
          done();
        },
      });
    const home = { HOME: this.#home, XDG_CONFIG_HOME: this.#home };
    const environment = { ...this.cloudflare.environment, ...home, ...env };
    const code = await this.#clock.pass(
      runDeploy(programArguments, {
        env: environment,
        stdout: listen("stdout"),
        stderr: listen("stderr"),
        wrangler: limited(new PlayedWrangler({ fetch: this.#fetch, environment })),
        ...others,
        questions,
        directory: this.#home,
        world: this.#world,
      }),
    );
    return { code, ...said, changes: this.cloudflare.changes.slice(before) };
  }

  get #world(): World {
    const { now, wait, timeout } = this.#clock;
    return { now, elapsedMs: now, wait, timeout, fetch: this.#fetch };
  }

  readonly #fetch: typeof fetch = async (input, init) => {
    this.#inFlight += 1;
    try {
      return await this.cloudflare.fetch(input, init);
    } finally {
      this.#inFlight -= 1;
    }
  };
}

/** As `RealWrangler` ends one that takes too long. */
function limited(wrangler: Wrangler): Wrangler {
  return {
    run: async (command, environment, limit) => {
      const { promise: cut, resolve } = Promise.withResolvers<Run>();
      limit?.addEventListener("abort", () => resolve({ succeeded: false, stdout: "", output: TOOK_TOO_LONG }), {
        once: true,
      });
      return Promise.race([wrangler.run(command, environment), cut]);
    },
  };
}

interface Timer {
  readonly at: number;
  readonly ring: () => void;
}

/** Its time passes when all calls wait for an answer that does not come. */
class Clock {
  #now = Date.parse("2026-11-24T10:00:00Z");
  #timers: Timer[] = [];
  readonly #nothingMoves: () => boolean;

  constructor(nothingMoves: () => boolean) {
    this.#nothingMoves = nothingMoves;
  }

  readonly now = (): number => this.#now;

  /** A wait without a signal is over at once. */
  readonly wait = async (ms: number, signal?: AbortSignal): Promise<void> => {
    if (signal === undefined) {
      this.#now += ms;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const timer = { at: this.#now + ms, ring: resolve };
      this.#timers.push(timer);
      signal.addEventListener("abort", () => {
        this.#timers = this.#timers.filter((one) => one !== timer);
        reject(signal.reason);
      });
    });
  };

  readonly timeout = (ms: number): AbortSignal => {
    const end = new AbortController();
    const ring = () => end.abort(new DOMException("Time is over", "TimeoutError"));
    this.#timers.push({ at: this.#now + ms, ring });
    return end.signal;
  };

  async pass<Value>(work: Promise<Value>): Promise<Value> {
    const state = { isDone: false };
    const end = () => (state.isDone = true);
    work.then(end, end);
    while (!state.isDone) {
      await turn();
      if (this.#nothingMoves()) this.#ringNext();
    }
    return work;
  }

  #ringNext(): void {
    const [next] = this.#timers.toSorted((one, other) => one.at - other.at);
    if (next === undefined) throw new Error("Something waits for ever");
    this.#timers = this.#timers.filter((one) => one !== next);
    this.#now = Math.max(this.#now, next.at);
    next.ring();
  }
}
