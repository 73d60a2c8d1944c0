import { expect } from "vitest";
import { makePayload } from "../../support/qonto.ts";
import { it } from "../in-browser.ts";
import { describePage, follow } from "../look.ts";
import type { Scene } from "../scene.ts";
import { TEN_DAYS_MS, noticeOf, olderThan } from "./list.ts";

export function quarantine(): void {
  describePage({
    name: "quarantine",
    path: "/console/quarantine",
    heading: "Quarantine",
    shows: [/\d+ events wait for your decision/, "Stale", "Unreadable"],
  });
  describePage({
    name: "quarantined-json",
    path: ({ unreadable }) => `/console/quarantine/${unreadable}`,
    heading: "Unreadable event",
    shows: ["<script>alert(1)</script>", "12.50", "FR76 •••• 0189", "Release"],
  });

  it("shows a reader everything with disabled buttons", async ({ day: { unreadable }, enter }) => {
    const page = await enter({ as: "reader" });
    await page.goto(`/console/quarantine/${unreadable}`);
    expect(await page.getByRole("button", { name: "Release" }).isDisabled()).toBe(true);
    await page.getByText("Delete …").click();
    expect(await page.getByRole("button", { name: "Delete", exact: true }).isDisabled()).toBe(true);
  });

  it("deletes an event after a confirmation", async ({ scene, enter }) => {
    const id = await scene.sendUnreadable(Uint8Array.from({ length: 700 }, (_, index) => index % 256));
    const page = await enter();
    await page.goto(`/console/quarantine/${id}`);
    await page.getByText("0010  10 11 12").waitFor();
    const button = page.getByRole("button", { name: "Delete", exact: true });
    expect(await button.isVisible()).toBe(false);
    await page.getByText("Delete …").click();
    await follow(button);
    expect(await noticeOf(page)).toContain("The event is deleted.");
  });

  it("releases an event, and says that a second release sends nothing", async ({ scene, enter }) => {
    const id = await scene.sendUnreadable("to be released");
    const page = await enter();
    await page.goto(`/console/quarantine/${id}`);
    await follow(page.getByRole("button", { name: "Release" }));
    expect(await noticeOf(page)).toContain("The event is released");
    await follow(page.getByRole("button", { name: "Release again" }));
    expect(await noticeOf(page)).toContain("Nothing was sent a second time");
  });

  it("releases the stale events of an outage at once, without JavaScript", async ({ scene, enter }) => {
    const at = Date.now() - TEN_DAYS_MS;
    const ids = leaveStale(scene, 3, at);
    const page = await enter({ on: "plain" });
    const ofOutage = `/console/quarantine?${olderThan(at + 1)}`;
    await page.goto(ofOutage);
    expect(await page.getByText("3 events wait for your decision").isVisible()).toBe(true);
    await page.getByText("Release all 3 stale events on this page …").click();
    expect(await page.getByText("3 events will be delivered").isVisible()).toBe(true);
    await follow(page.getByRole("button", { name: "Release all 3 stale events on this page", exact: true }));
    expect(await noticeOf(page)).toContain("Released: 3.");
    await page.getByLabel("State").selectOption("settled");
    await follow(page.getByRole("button", { name: "Filter" }));
    for (const id of ids) expect(await page.locator(`tbody tr a[href="/console/quarantine/${id}"]`).count()).toBe(1);
    await page.goto(ofOutage);
    await page.getByText("No event waits for your decision.").waitFor();
  });
}

/** Stale events in quarantine since then, which another page of the list begins with; answers their ids. */
function leaveStale(scene: Scene, count: number, receivedAt: number): string[] {
  return Array.from({ length: count }, () => {
    const id = crypto.randomUUID();
    const payload = makePayload("v1/cards");
    const body = new TextEncoder().encode(JSON.stringify(payload));
    const why = { reason: "timestamp_too_old", source: "business", received_at: receivedAt };
    scene.insert("quarantine", { id, event_id: payload.id, ...why, size_bytes: body.length, body });
    return id;
  });
}
