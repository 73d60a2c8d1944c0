import type { BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { z } from "zod";
import { businessRequest, makePayload } from "../support/qonto.ts";
import { describeInBrowser } from "./browser.ts";
import { insertBeneath } from "./local-database.ts";
import { describePage, follow, watchedPage } from "./look.ts";
import { Scene } from "./scene.ts";

const listed = z.object({ data: z.array(z.object({ id: z.string() })) });

describeInBrowser("what is set aside, in a browser", () => {
  let scene: Scene;
  let unreadable = "";
  let bytes = "";

  beforeAll(async () => {
    scene = await Scene.startBusy();
    unreadable = await quarantined(
      `{"amount": 12.50, "note": "<script>alert(1)</script>", "iban": "FR7630006000011234567890189"}`,
    );
    bytes = await quarantined(Uint8Array.from({ length: 700 }, (_, index) => index % 256));
    for (let event = 0; event < 2; event += 1) await scene.send(makePayload("v1/cards"), { ageSeconds: 3_600 });
    const [event] = (await scene.client.get("/api/events", listed)).data;
    const [team] = (await scene.client.get("/api/destinations", listed)).data;
    const eventId = event?.id ?? "";
    const teamId = team?.id ?? "";
    const at = Date.now();
    insertBeneath(scene.relay, "dead_letters", [
      { ...letter("of-event", "recorded_event", { id: eventId }), event_id: eventId, received_at: at - 3_000 },
      {
        ...letter("of-team", "due", { destination_id: teamId }),
        destination_id: teamId,
        received_at: at - 2_000,
      },
      { ...letter("of-nobody", "unknown", { note: "\u202E <script>alert(1)</script> 🦀" }), received_at: at - 1_000 },
    ]);
    const record = { id: `aud_${at.toString(16).padStart(12, "0")}ffff`, token: "night-shift", subject: teamId };
    insertBeneath(scene.relay, "audit", [
      { ...record, action: "destination.changed", outcome: "begun", before: '{"enabled":true,"timeout_ms":10000}' },
      { ...record, id: `${record.id}f`, action: "destination.replayed", outcome: "failed" },
    ]);
    await scene.client.patch(
      `/api/destinations/${teamId}`,
      {
        description: "Accounting",
        timeout_ms: 9_000,
      },
      z.unknown(),
    );
  });
  afterAll(() => scene.end());

  async function quarantined(body: string | Uint8Array<ArrayBuffer>): Promise<string> {
    const timestamp = Math.floor(Date.now() / 1000);
    await scene.client.webhook(await businessRequest(body, { secret: "local-business-secret", timestamp }));
    return (await scene.client.get("/api/quarantine?limit=1", listed)).data[0]?.id ?? "";
  }

  function letter(id: string, kind: string, fields: object) {
    return { id, kind, event_id: null, destination_id: null, message: JSON.stringify({ kind, ...fields }) };
  }

  async function open(path: string, enter: () => Promise<BrowserContext> = () => scene.admin()) {
    const { page, faults } = await watchedPage(await enter());
    await page.goto(path);
    return { page, faults };
  }

  const said = (page: Page) => page.locator(".notice").innerText();

  describePage(() => scene, {
    name: "quarantine",
    path: "/console/quarantine",
    heading: "Quarantine",
    shows: ["5 events wait for you to decide", "Stale", "Unreadable"],
  });
  describePage(() => scene, {
    name: "quarantined-json",
    path: () => `/console/quarantine/${unreadable}`,
    heading: "Unreadable event",
    shows: ["<script>alert(1)</script>", "12.50", "FR76 •••• 0189", "Release"],
  });
  describePage(() => scene, {
    name: "dead-letters",
    path: "/console/dead-letters",
    heading: "Dead letters",
    shows: ["3 messages wait for you", "Accounting", "Cannot be replayed"],
  });
  describePage(() => scene, {
    name: "audit",
    path: "/console/audit",
    heading: "Audit trail",
    shows: ["night-shift", "failed", "the relay died before it could say", "Changed a team"],
  });

  it("lets a reader see all and press nothing", async () => {
    const { page } = await open(`/console/quarantine/${unreadable}`, () => scene.reader());
    expect(await page.getByRole("button", { name: "Release" }).isDisabled()).toBe(true);
    await page.getByText("Delete …").click();
    expect(await page.getByRole("button", { name: "Delete", exact: true }).isDisabled()).toBe(true);
    await page.goto("/console/dead-letters");
    expect(await page.getByRole("button", { name: "Replay" }).first().isDisabled()).toBe(true);
    await page.context().close();
  });

  it("deletes from quarantine only when asked twice", async () => {
    const { page, faults } = await open(`/console/quarantine/${bytes}`);
    await page.getByText("0010  10 11 12").waitFor();
    const button = page.getByRole("button", { name: "Delete", exact: true });
    expect(await button.isVisible()).toBe(false);
    await page.getByText("Delete …").click();
    await follow(button);
    expect(await said(page)).toContain("Deleted: no team gets it");
    expect(faults()).toEqual([]);
    await page.context().close();
  });

  it("releases one, and says so when it is released again", async () => {
    const { page, faults } = await open(`/console/quarantine/${unreadable}`);
    await follow(page.getByRole("button", { name: "Release" }));
    expect(await said(page)).toContain("Released: it is on its way");
    await follow(page.getByRole("button", { name: "Release again" }));
    expect(await said(page)).toContain("nothing was sent a second time");
    expect(faults()).toEqual([]);
    await page.context().close();
  });

  it("releases what an outage has left, without JavaScript, after saying how much it is", async () => {
    const page = await (await scene.admin({ javaScriptEnabled: false })).newPage();
    await page.goto("/console/quarantine");
    await page.getByText("Release all 3 that are stale on this page …").click();
    expect(await page.getByText("3 events would go to the teams").isVisible()).toBe(true);
    await follow(page.getByRole("button", { name: "Release all 3 that are stale on this page", exact: true }));
    expect(await said(page)).toContain("Released 3 events");
    await page.getByText("Nothing waits for you to decide.").waitFor();
    await page.getByLabel("Show").selectOption("settled");
    await follow(page.getByRole("button", { name: "Filter" }));
    expect(await page.locator("tbody tr").count()).toBe(4);
    await page.context().close();
  });

  it("replays a dead letter and deletes another", async () => {
    const { page, faults } = await open("/console/dead-letters");
    await follow(page.locator("tr", { hasText: "Later attempt" }).getByRole("button", { name: "Replay" }));
    expect(await said(page)).toContain("Replayed: the message is with its queue again");
    await follow(page.getByRole("link", { name: "Unknown" }));
    await page.getByText("Delete …").click();
    await follow(page.getByRole("button", { name: "Delete", exact: true }));
    expect(await said(page)).toContain("Deleted: nothing of the letter is kept");
    expect(await page.locator("tbody tr").count()).toBe(1);
    expect(faults()).toEqual([]);
    await page.context().close();
  });

  it("has all that in the audit trail, which can be narrowed down", async () => {
    const { page, faults } = await open("/console/audit");
    await page.getByRole("combobox").selectOption("dead_letter.replayed");
    await follow(page.getByRole("button", { name: "Filter" }));
    expect(await page.locator("tbody tr").count()).toBe(1);
    await page.getByRole("cell").getByRole("link", { name: "of-team" }).click();
    await page.getByRole("heading", { name: "Dead letter: later attempt" }).waitFor();
    expect(faults()).toEqual([]);
    await page.context().close();
  });
});
