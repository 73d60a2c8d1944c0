import type { Env } from "../env.ts";
import { sleep } from "../platform/timeout.ts";
import type { World } from "../platform/world.ts";
import { type Health, judgeHealth } from "./judge-health.ts";

/** How old a judgement may be that is told again. */
const KEPT_MS = 10_000;

/** Longer than a look takes; one that has not ended by then was cut short with its request. */
const LOOK_ENDS_WITHIN_MS = 2_000;

const LOOK_AGAIN_MS = 50;

interface Known {
  /** When the last look began. */
  lookedAt: number;
  health: Health | null;
}

/**
 * The health, looked at once in ten seconds by each isolate however many ask. Who asks while another looks waits by a timer
 * of its own for what is found: a promise must not be shared between requests.
 */
export class RecentHealth {
  readonly #known = new WeakMap<Env, Known>();

  async judge(env: Env, world: Pick<World, "now" | "setTimer">): Promise<Health> {
    for (;;) {
      const now = world.now();
      const known = this.#known.get(env);
      if (known === undefined || now - known.lookedAt >= (known.health === null ? LOOK_ENDS_WITHIN_MS : KEPT_MS)) {
        return this.#look(env, world);
      }
      if (known.health !== null) return known.health;
      await sleep(LOOK_AGAIN_MS, world);
    }
  }

  async #look(env: Env, world: Pick<World, "now" | "setTimer">): Promise<Health> {
    const known: Known = { lookedAt: world.now(), health: null };
    this.#known.set(env, known);
    return (known.health = await judgeHealth(env, known.lookedAt, world));
  }
}
