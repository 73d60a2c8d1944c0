import type { Env } from "../env.ts";
import type { Health } from "../domain/health.ts";
import { judgeHealth } from "../health/judge-health.ts";
import { sleep } from "../platform/timeout.ts";
import type { World } from "../platform/world.ts";
import { defineRoute } from "./define-route.ts";
import type { OperatorApi } from "./requests.ts";
import { json } from "./responses.ts";
import { exampleDegradedHealth, exampleHealth, health } from "./schemas/health.ts";

const detail = defineRoute("get", "/health", {
  operationId: "showHealth",
  tag: "Health",
  summary: "Show whether events flow, as checked within the last ten seconds",
  access: "public",
  answers: {
    200: json(health, "Healthy", exampleHealth),
    503: json(health, "Degraded, or unknown", exampleDegradedHealth),
  },
});

export function addHealth(api: OperatorApi, world: World): void {
  const recent = new RecentHealth();
  api.openapi(detail, async (c) => {
    const judged = await recent.judge(c.env, world);
    return c.json(judged, judged.status === "ok" ? 200 : 503);
  });
}

const KEPT_MS = 10_000;

/** Longer than a check takes: one that has not ended by then was cut short with its request. */
const CHECK_ENDS_WITHIN_MS = 2_000;

const LOOK_AGAIN_MS = 50;

interface Known {
  /** When the last check began. */
  checkedAt: number;
  health: Health | null;
}

/**
 * Checks the health at most once in ten seconds for each isolate, however many ask. Requests that ask during a check poll for
 * its result, because requests must not share a promise.
 */
export class RecentHealth {
  readonly #known = new WeakMap<Env, Known>();

  async judge(env: Env, world: Pick<World, "now" | "setTimer">): Promise<Health> {
    for (;;) {
      const now = world.now();
      const known = this.#known.get(env);
      if (known === undefined || now - known.checkedAt >= (known.health === null ? CHECK_ENDS_WITHIN_MS : KEPT_MS)) {
        const check: Known = { checkedAt: now, health: null };
        this.#known.set(env, check);
        return (check.health = await judgeHealth(env, now, world));
      }
      if (known.health !== null) return known.health;
      await sleep(LOOK_AGAIN_MS, world);
    }
  }
}
