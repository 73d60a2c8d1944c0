import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import { sleep } from "../../../src/platform/timeout.ts";
import { never } from "./database.ts";
import { Clock, standstill } from "./clock.ts";

async function note(name: string, afterMs: number, clock: Clock, log: string[]): Promise<void> {
  await sleep(afterMs, clock);
  log.push(`${name} at ${afterMs}`);
}

it("time passes from timer to timer, in their order, while somebody waits", async () => {
  const clock = new Clock();
  const startedAt = clock.now();
  const log: string[] = [];
  const all = [note("b", 10_000, clock, log), note("a", 5, clock, log), note("c", 10_000, clock, log)];
  await clock.waitFor(Promise.all(all));
  expect(log).toEqual(["a at 5", "b at 10000", "c at 10000"]);
  expect(clock.now() - startedAt).toBe(10_000);
});

it("time stands still while nobody waits", async () => {
  const clock = new Clock();
  const log: string[] = [];
  void note("a", 1, clock, log);
  await clock.waitFor(Promise.resolve());
  await standstill();
  expect(log).toEqual([]);
});

it("no timer fires while D1 is at work, however long that takes", async () => {
  const clock = new Clock();
  const count =
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT count(*) FROM n";
  const calls = Array.from({ length: 8 }, async () => {
    for (let call = 0; call < 3; call += 1) await env.DB.prepare(count).all();
    return "D1 has answered";
  });
  const timer = sleep(1, clock).then(() => "the time is up");
  for (const call of calls) expect(await clock.waitFor(Promise.race([call, timer]))).toBe("D1 has answered");
});

it("who waits for what can never come is told so", async () => {
  await expect(new Clock().waitFor(never)).rejects.toThrow("Nothing goes on any more");
});
