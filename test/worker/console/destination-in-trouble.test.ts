import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { makePayload } from "../../support/qonto.ts";
import { type TestRelay, emptyDatabase } from "../support/relay.ts";
import { hang, statuses } from "../support/destinations.ts";
import { readPage } from "./page.ts";
import { destinationThat } from "./destination-that.ts";

beforeEach(emptyDatabase);

async function sendAndRun(relay: TestRelay): Promise<void> {
  await relay.send(makePayload("v1/transactions"));
  await relay.runQueues();
}

const REST = "UPDATE destinations SET circuit_opened_at = ?1, next_drain_at = ?1";

describe("of a destination in trouble its page says that", () => {
  it("it rests, since when, after how many failures, and when it is tried next", async () => {
    const { relay, visitor, path } = await destinationThat(hang, { timeout_ms: 100 });
    for (let event = 0; event < 6; event += 1) {
      await sendAndRun(relay);
      await relay.liveThrough(5);
    }
    const text = await readPage(visitor, path);
    expect(text).toMatch(
      /◼ circuit open It gets nothing because it keeps failing, last with nothing within \d+ ms: since \S+ \S+ UTC it rests, after \d+ failed attempts in a row\./,
    );
    expect(text).toContain("was nothing within");
    expect(text).toContain("raise its time limit");
    expect(text).toMatch(/a single event is tried now and then, the next at \d/);
    expect(text).toMatch(/Send a test event Try now what waits/);
    const pending = await readPage(visitor, `${path}?show=pending`);
    expect(pending).toContain("◐ pending until the destination answers well");
    expect(pending).toMatch(/◐ pending next \d/);
    const eventPage = /href="(\/console\/events\/[^"]+)"/.exec(await (await visitor.get(path)).text())?.[1] ?? "";
    expect(await readPage(visitor, eventPage)).toMatch(
      /The destination keeps failing: its circuit is open since \S+ \S+ UTC\./,
    );
  });

  it("it rests, and its next probe waits for what is due, or for something to come", async () => {
    const { relay, id, visitor, path } = await destinationThat(statuses(500));
    await sendAndRun(relay);
    await env.DB.prepare(REST).bind(relay.now).run();
    expect(await readPage(visitor, path)).toContain("now and then, the next at 2026-03-01 12:00:06 UTC.");
    relay.passSeconds(10);
    expect(await readPage(visitor, path)).toContain("now and then, the next in a moment.");
    await relay.api("PATCH", `/api/destinations/${id}`, { enabled: false });
    expect(await readPage(visitor, `${path}?show=pending`)).toContain("◐ pending until the destination is resumed");
    await env.DB.prepare("UPDATE destinations SET enabled = 1").run();
    await env.DB.prepare("UPDATE deliveries SET status = 'dead', next_attempt_at = NULL").run();
    expect(await readPage(visitor, path)).toContain("now and then, the next as soon as one comes.");
  });

  it("it asked for less, until when nothing is sent, and gives back what waits then", async () => {
    const busy = () => new Response("slow down", { status: 429, headers: { "retry-after": "600" } });
    const { relay, visitor, path } = await destinationThat(busy);
    await sendAndRun(relay);
    relay.passSeconds(1);
    await sendAndRun(relay);
    const text = await readPage(visitor, path);
    expect(text).toMatch(
      /◐ asked for less It gets nothing because it asked for less, last with 429 after \d+ ms: nothing is sent to it before 2026-03-01 12:10:01 UTC\./,
    );
    expect(text).toContain("give it a pace");
    expect(text).toMatch(/2 events for it wait\./);
    expect(await readPage(visitor, `${path}?show=pending`)).not.toContain("next 2026-03-01 12:00");
    const events = (await relay.api("GET", "/api/events")).body.data;
    expect(await readPage(visitor, `/console/events/${events[0].id}`)).toContain(
      "The destination asked for a pause. Nothing is sent to it before 2026-03-01 12:10:01 UTC.",
    );
  });

  it("what waits is being tried, and no more than that, when somebody has it tried now", async () => {
    const { relay, visitor, path } = await destinationThat(statuses(500));
    await sendAndRun(relay);
    const tryNow = async () => {
      const response = await visitor.press(`${path}/resume`);
      return readPage(visitor, response.headers.get("location") ?? "");
    };
    const failing = await tryNow();
    expect(failing).toContain("If the destination was failing, one goes first as a probe.");
    await env.DB.prepare(REST).bind(relay.now).run();
    const resting = await tryNow();
    expect(resting).toContain("If the destination was failing, one goes first as a probe.");
  });

  it("it refuses some of what it is sent, and since when that waits", async () => {
    const { relay, visitor, path } = await destinationThat(statuses(400, 400, 200));
    for (let event = 0; event < 3; event += 1) await sendAndRun(relay);
    expect(await readPage(visitor, path)).toMatch(/● healthy It gets its events, the latest at \S+ \S+ UTC\. /);
    await env.DB.prepare("UPDATE deliveries SET next_attempt_at = ?1 WHERE status = 'pending'")
      .bind(relay.now + 3_600_000)
      .run();
    relay.passSeconds(60);
    expect(await readPage(visitor, path)).toMatch(
      /It gets its events, the latest at \S+ \S+ UTC, but has yet to catch up or refuses some: 2 wait, the oldest since 2026-03-01 12:00:01 UTC\./,
    );
  });
});
