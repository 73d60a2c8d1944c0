import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import { readMarks, writeMarks } from "../../../src/store/marks.ts";
import { database } from "../support/store.ts";

it("a mark that another version of the relay has left does not keep the others from being read", async () => {
  await env.DB.prepare("INSERT INTO marks (name, value) VALUES ('of_another_version', 1)").run();
  await writeMarks(database, { cron_ran_at: 7 });
  expect(await readMarks(database)).toEqual(new Map([["cron_ran_at", 7]]));
});
