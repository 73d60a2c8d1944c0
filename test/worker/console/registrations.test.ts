import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { makePayload } from "../../support/qonto.ts";
import { TestRelay, emptyDatabase } from "../support/relay.ts";
import { HOSTILE, lookAt, rowsReadFor } from "./look-at.ts";
import { MOST_CALLS, callsOf } from "./visitor.ts";

beforeEach(emptyDatabase);

const LIST = "/console/registrations";

type Stage = "pending" | "user_started" | "contract_signed" | "completed";

const stage = (resource_id: string, name: Stage, minute: number) =>
  makePayload(`registrations.${name}`, {
    id: `${resource_id}-${name}-${minute}`,
    resource_id,
    created_at: `2026-02-01T10:${String(minute).padStart(2, "0")}:00Z`,
  });
const reset = (resource_id: string, minute: number) =>
  makePayload("organizations.deleted", {
    id: `${resource_id}-reset`,
    resource_id,
    created_at: `2026-02-01T10:${String(minute).padStart(2, "0")}:00Z`,
  });

async function relayAfter(...payloads: ReturnType<typeof makePayload>[]): Promise<TestRelay> {
  const relay = new TestRelay();
  for (const payload of payloads) await relay.sendOnboarding(payload);
  await relay.runQueues();
  return relay;
}

describe("the list of registrations", () => {
  it("says how registrations come while it is empty", async () => {
    const { text } = await lookAt(new TestRelay(), LIST);
    expect(text).toContain("No registrations yet");
    expect(text).toContain("npm run qonto -- onboarding register");
  });

  it("shows the stage of each, its date, and how many stages are left", async () => {
    const relay = await relayAfter(
      stage("reg-1", "user_started", 5),
      stage("reg-1", "pending", 0),
      stage("reg-2", "completed", 7),
      reset("org-1", 9),
    );
    const { html, text } = await lookAt(relay, LIST);
    expect(text).toContain("reg-1 ◐ User started at least 2 more to come 28 days ago");
    expect(text).toContain("reg-2 ● Completed 28 days ago");
    expect(text).toContain("org-1 ○ Reset of an organization 28 days ago");
    const instants = ["05", "07", "09"].map((minute) => `datetime="2026-02-01T10:${minute}:00.000Z"`);
    for (const instant of instants) expect(html).toContain(instant);
    expect(html).toContain('href="/console/registrations/reg-1"');
  });

  it("is paged, and leads from an id to its registration", async () => {
    await env.DB.prepare(
      `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 60)
       INSERT INTO registration_stages (registration_id, version, stage, event_id, is_registration)
       SELECT printf('reg-%03d', n), '1', 'pending', 'event', 1 FROM numbers`,
    ).run();
    const first = await lookAt(new TestRelay(), LIST);
    expect(first.text).toContain("reg-050");
    expect(first.text).not.toContain("reg-051");
    const nextOf = (html: string) => /rel="next" href="([^"]+)"/.exec(html)?.[1]?.replaceAll("&amp;", "&") ?? "";
    const second = await lookAt(new TestRelay(), nextOf(first.html));
    expect(second.text).toContain("reg-060");
    const missing = await lookAt(new TestRelay(), `${LIST}?id=unknown`);
    const behindMissing = await lookAt(new TestRelay(), nextOf(missing.html));
    expect(behindMissing.text).toContain("reg-060");
    expect(behindMissing.text).not.toContain("There is no registration");
    const found = await lookAt(new TestRelay(), `${LIST}?id=reg-051`);
    expect([found.status, found.location]).toEqual([303, "/console/registrations/reg-051"]);
    expect(missing.text).toContain("There is no registration with the id unknown");
  });

  it("costs at most six D1 calls", async () => {
    const relay = await relayAfter(stage("reg-1", "pending", 0));
    for (const path of [LIST, `${LIST}?id=unknown`, `${LIST}/reg-1`]) {
      expect(await callsOf(relay, path)).toBeLessThanOrEqual(MOST_CALLS);
    }
  });

  it("refuses an invalid cursor with 400", async () => {
    expect((await lookAt(new TestRelay(), `${LIST}?cursor=x`)).status).toBe(400);
  });
});

describe("one registration", () => {
  it("shows its stages, done, present and ahead, with their events", async () => {
    const relay = await relayAfter(stage("reg-1", "pending", 0), stage("reg-1", "contract_signed", 5));
    const { html, text } = await lookAt(relay, `${LIST}/reg-1`);
    expect(text).toContain("Contract signed reg-1 Since 2026-02-01 10:05:00 UTC .");
    expect(text).toContain(
      "● Pending done 2026-02-01 10:00:00 UTC event ◌ User started no event came ◉ Contract signed now 2026-02-01 10:05:00 UTC event ○ Submitted perhaps",
    );
    expect(text).toMatch(/○ Completed ahead\s/);
    expect(html).toContain('href="/console/events/reg-1-pending-0"');
    expect(html).toMatch(/<li class="cluster tone-ok" aria-current="step">/);
  });

  it("starts over after a reset, and shows the stages before it", async () => {
    const { text } = await lookAt(
      await relayAfter(
        stage("reg-1", "pending", 0),
        stage("reg-1", "user_started", 1),
        reset("reg-1", 2),
        stage("reg-1", "pending", 3),
      ),
      `${LIST}/reg-1`,
    );
    expect(text).toContain("Pending reg-1 Since 2026-02-01 10:03:00 UTC .");
    expect(text).toMatch(
      /Before the reset ● Pending done 2026-02-01 10:00:00 UTC event ● User started done .* ● Reset done 2026-02-01 10:02:00 UTC/,
    );
  });

  it("known by a reset alone says what Qonto leaves open", async () => {
    const { text } = await lookAt(await relayAfter(reset("org-1", 2)), `${LIST}/org-1`);
    expect(text).toContain("Qonto names the organization alone, not the registration.");
  });

  it("answers 404 for an unknown id", async () => {
    const { status, text } = await lookAt(new TestRelay(), `${LIST}/unknown`);
    expect(status).toBe(404);
    expect(text).toContain("There is no such registration.");
  });

  it("escapes hostile ids and stages", async () => {
    await env.DB.prepare(
      `INSERT INTO registration_stages (registration_id, version, stage, at, event_id, is_registration)
       VALUES (?1, '1', ?1, ?1, ?1, 1)`,
    )
      .bind(HOSTILE)
      .run();
    const relay = new TestRelay();
    for (const path of [LIST, `${LIST}/${encodeURIComponent(HOSTILE)}`]) {
      const { status, html } = await lookAt(relay, path);
      expect(status).toBe(200);
      expect(html).not.toContain("<script>alert");
      expect(html).toContain("🦀");
    }
  });

  it("shows the latest 100 events, and reads no more", async () => {
    const rowsRead: number[] = [];
    for (const stages of [1_000, 2_000]) {
      await emptyDatabase();
      await env.DB.prepare(
        `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?1)
         INSERT INTO registration_stages (registration_id, version, stage, event_id, is_registration)
         SELECT 'reg-1', printf('%06d', n), 'pending', 'event-' || n, 1 FROM numbers`,
      )
        .bind(stages)
        .run();
      const { html, text } = await lookAt(new TestRelay(), `${LIST}/reg-1`);
      expect(text).toContain("The latest 100 events are shown.");
      expect(html).toContain(`href="/console/events/event-${stages}"`);
      expect(html.match(/<li class="cluster tone-ok">/g)).toHaveLength(99);
      rowsRead.push(await rowsReadFor(new TestRelay(), `${LIST}/reg-1`));
    }
    expect(rowsRead[1]).toBe(rowsRead[0]);
  });
});
