import { setTimeout as wait } from "node:timers/promises";
import type { LocalRelay } from "../node/end-to-end/local-relay.ts";
import type { Chance } from "./chance.ts";

/** From the kill to the moment the relay was ready again, Unix milliseconds. */
export interface Outage {
  readonly from: number;
  readonly until: number;
}

const GONE_WITHIN_MS = 10_000;

/** A relay that is killed and started again. */
export class KilledRelay {
  readonly outages: Outage[] = [];
  readonly #relay: LocalRelay;
  #earlierOutput = "";
  #isEnding = false;

  constructor(relay: LocalRelay) {
    this.#relay = relay;
  }

  get output(): string {
    return this.#earlierOutput + this.#relay.output;
  }

  async start(): Promise<void> {
    this.#earlierOutput += this.#relay.output;
    await this.#relay.start();
    if (!this.#relay.output.includes("is ready on")) throw new Error(`The relay did not start:\n${this.#relay.output}`);
  }

  /** Kills every process, `times` times within the time given, and starts the relay again at once. */
  async killRepeatedly(times: number, withinMs: number, chance: Chance): Promise<void> {
    const startedAt = Date.now();
    for (let kill = 0; kill < times; kill += 1) {
      const dueMs = ((kill + 0.35 + 0.3 * chance()) / times) * withinMs;
      await wait(Math.max(0, startedAt + dueMs - Date.now()));
      if (this.#isEnding) return;
      const from = Date.now();
      this.#relay.killAll();
      if (!(await this.#relay.gone(GONE_WITHIN_MS))) throw new Error("A process of the relay survived kill -9.");
      if (this.#isEnding) return;
      await this.start();
      this.outages.push({ from, until: Date.now() });
      console.log(
        `  killed ${seconds(from - startedAt)} after the first event, back ${seconds(Date.now() - from)} later`,
      );
    }
  }

  /** Ends every process and removes the copy. */
  async end(): Promise<void> {
    this.#isEnding = true;
    await this.#relay.end();
  }
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
