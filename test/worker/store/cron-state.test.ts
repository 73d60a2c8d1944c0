import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import { readCronState, writeCronState } from "../../../src/store/cron-state.ts";
import { database } from "../support/store.ts";

it("cron state that only another version of the relay knows is left out", async () => {
  await env.DB.prepare("INSERT INTO cron_state (name, value) VALUES ('of_another_version', 1)").run();
  await writeCronState(database, { cron_ran_at: 7 });
  expect(await readCronState(database)).toEqual(new Map([["cron_ran_at", 7]]));
});
