import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { makePayload } from "../../support/qonto.ts";
import { type TestRelay, emptyDatabase } from "../support/relay.ts";
import { hang, statuses } from "../support/destinations.ts";
import { read } from "./reading.ts";
import { answeringDestination } from "./answering-destination.ts";

beforeEach(emptyDatabase);

async function sendAndRun(relay: TestRelay): Promise<void> {
  await relay.send(makePayload("v1/transactions"));
  await relay.runQueues();
}

const OPEN_CIRCUIT = "UPDATE destinations SET circuit_opened_at = ?1, next_drain_at = ?1";

describe("the page of a destination in trouble", () => {
  it("says since when its circuit is open, after how many failures, and when the next probe is", async () => {
    const { relay, visitor, path } = await answeringDestination(hang, { timeout_ms: 100 });
    for (let event = 0; event < 6; event += 1) {
      await sendAndRun(relay);
      await relay.liveThrough(5);
    }
    const text = await read(visitor, path);
    expect(text).toMatch(
      /◼ Circuit open Gets no events: \d+ attempts in a row failed, and its circuit breaker has been open since \S+ \S+ UTC\./,
    );
    expect(text).toContain(": timed out after");
    expect(text).toContain("raise its timeout");
    expect(text).toMatch(/One delivery at a time probes the destination, the next at \d/);
    expect(text).toMatch(/Send test event Retry now/);
    const pending = await read(visitor, `${path}?show=pending`);
    expect(pending).toContain("◐ Pending until a probe succeeds");
    expect(pending).toMatch(/◐ Pending next \d/);
    const eventPage = /href="(\/console\/events\/[^"]+)"/.exec(await (await visitor.get(path)).text())?.[1] ?? "";
    expect(await read(visitor, eventPage)).toMatch(/its circuit is open since \S+ \S+ UTC/);
  });

  it("says when the next probe is, which waits for a due delivery", async () => {
    const { relay, id, visitor, path } = await answeringDestination(statuses(500));
    await sendAndRun(relay);
    await env.DB.prepare(OPEN_CIRCUIT).bind(relay.now).run();
    expect(await read(visitor, path)).toContain("the next at 2026-03-01 12:00:06 UTC.");
    relay.passSeconds(10);
    expect(await read(visitor, path)).toContain("the next in a moment.");
    await relay.api("PATCH", `/api/destinations/${id}`, { enabled: false });
    expect(await read(visitor, `${path}?show=pending`)).toContain("◐ Pending until the destination is resumed");
    await env.DB.prepare("UPDATE destinations SET enabled = 1").run();
    await env.DB.prepare("UPDATE deliveries SET status = 'dead', next_attempt_at = NULL").run();
    expect(await read(visitor, path)).toContain("the next with the next event.");
  });

  it("says until when it is throttled", async () => {
    const busy = () => new Response("slow down", { status: 429, headers: { "retry-after": "600" } });
    const { relay, visitor, path } = await answeringDestination(busy);
    await sendAndRun(relay);
    relay.passSeconds(1);
    await sendAndRun(relay);
    const text = await read(visitor, path);
    expect(text).toMatch(
      /◐ Throttled Gets no events: it asked the relay to wait until 2026-03-01 12:10:01 UTC\..* 429 after \d+ ms/,
    );
    expect(text).toContain("set a rate limit");
    expect(text).toMatch(/2 pending deliveries\./);
    expect(await read(visitor, `${path}?show=pending`)).not.toContain("next 2026-03-01 12:00");
    const events = (await relay.api("GET", "/api/events")).body.data;
    expect(await read(visitor, `/console/events/${events[0].id}`)).toContain(
      "The destination asked for a pause. Nothing is sent to it before 2026-03-01 12:10:01 UTC.",
    );
  });

  it("promises no more than a retry when somebody presses Retry now", async () => {
    const { relay, visitor, path } = await answeringDestination(statuses(500));
    await sendAndRun(relay);
    const retryNow = async () => {
      const response = await visitor.press(`${path}/resume`);
      return read(visitor, response.headers.get("location") ?? "");
    };
    const failing = await retryNow();
    expect(failing).toContain("If its circuit is open, one goes first as a probe.");
    await env.DB.prepare(OPEN_CIRCUIT).bind(relay.now).run();
    const open = await retryNow();
    expect(open).toContain("If its circuit is open, one goes first as a probe.");
  });

  it("says that some deliveries are rejected, and since when they are pending", async () => {
    const { relay, visitor, path } = await answeringDestination(statuses(400, 400, 200));
    for (let event = 0; event < 3; event += 1) await sendAndRun(relay);
    expect(await read(visitor, path)).toMatch(/● Healthy Gets its events, the latest at \S+ \S+ UTC\. /);
    await env.DB.prepare("UPDATE deliveries SET next_attempt_at = ?1 WHERE status = 'pending'")
      .bind(relay.now + 3_600_000)
      .run();
    relay.passSeconds(60);
    expect(await read(visitor, path)).toMatch(
      /Gets its events, the latest at \S+ \S+ UTC, but is catching up or rejects some: 2 pending deliveries, the oldest since 2026-03-01 12:00:01 UTC\./,
    );
  });
});
