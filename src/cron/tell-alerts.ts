import { announceEvents } from "../announce.ts";
import { judgeHealth } from "../health/judge-health.ts";
import { byId } from "../messages.ts";
import { type AlertChange, changeAlerts, readAlertSigns } from "../store/alerts.ts";
import type { CronRun } from "./cron-task.ts";
import { judgeAlerts } from "./judge-alerts.ts";

/**
 * Tells by operational events what differs from what was told before: of the destinations, the quarantine and the health of the
 * relay. All of it is read from what is written anyway, so nothing else waits for an alert, and no stall of D1 loses one.
 */
export async function tellAlerts({ env, world }: CronRun): Promise<{ operational_events: number }> {
  const now = world.now();
  const signs = await readAlertSigns(env.DB, now);
  const health = await judgeHealth(env, now, world);
  const changes = judgeAlerts(signs, health, now);
  if (changes.length > 0) await changeAlerts(env.DB, changes);
  const events = changes.flatMap(({ event }: AlertChange) => event ?? []);
  await announceEvents(
    env,
    events.map(({ id }) => byId(id, null)),
    world,
    "cron",
  );
  return { operational_events: events.length };
}
