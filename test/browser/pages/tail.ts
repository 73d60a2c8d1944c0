import { expect } from "vitest";
import { makePayload } from "../../support/qonto.ts";
import { it } from "../in-browser.ts";
import { describePage, follow } from "../look.ts";

export function tail(): void {
  describePage({
    name: "tail",
    path: "/console/tail",
    heading: "Live tail",
    shows: ["Transaction created", "Accounting 200", "As of"],
  });

  it("shows what comes without being asked, and lets it stand out", async ({ scene, enter }) => {
    const page = await enter({ on: "live" });
    await page.goto("/console/tail");
    expect(await page.locator(".is-new").count()).toBe(0);
    const payload = makePayload("v1/clients");
    await scene.send(payload);
    await page.clock.fastForward(5_000);
    const own = { has: page.locator(`[data-key="${payload.id}"]`) };
    await page.locator("tr.is-new", own).waitFor();
    await scene.settled(payload);
    await page.clock.fastForward(5_000);
    await page.locator("tr:not(.is-new)", own).getByText("Accounting").waitFor();
    expect(await page.locator(".is-new", own).count()).toBe(0);
  });

  it("stands still while it is paused, and catches up at once", async ({ scene, enter }) => {
    const page = await enter({ on: "live" });
    await page.goto("/console/tail");
    await page.getByRole("button", { name: "Pause" }).click();
    const asOf = page.locator("#list > .help");
    const before = await asOf.innerText();
    const payload = makePayload("v1/clients");
    await scene.send(payload);
    let requests = 0;
    page.on("request", () => (requests += 1));
    await page.clock.fastForward(15_000);
    expect(await asOf.innerText()).toBe(before);
    expect(requests).toBe(0);
    await page.getByRole("button", { name: "Resume" }).click();
    await page.locator(`[data-key="${payload.id}"]`).waitFor();
    expect(requests).toBe(1);
    expect(await page.getByRole("button", { name: "Pause" }).count()).toBe(1);
  });

  it("leads to the login once the session has ended", async ({ enter }) => {
    const page = await enter({ on: "live" });
    await page.goto("/console/tail");
    await page.context().clearCookies();
    await page.clock.fastForward(5_000);
    await page.getByRole("heading", { name: "Log in" }).waitFor();
  });

  it("reloads the page where a login on another host wants to be seen", async ({ enter }) => {
    const page = await enter({ on: "live" });
    await page.goto("/console/tail");
    const location = "https://acme.cloudflareaccess.com/cdn-cgi/access/login/relay.example.com";
    await page.route("**/console/tail", (route) =>
      route.request().resourceType() === "fetch"
        ? route.fulfill({ status: 302, headers: { location } })
        : route.fulfill({ body: "Logged in" }),
    );
    await page.clock.fastForward(5_000);
    await page.getByText("Logged in").waitFor();
    await page.unrouteAll();
  });

  it("shouts at nobody: what changes by itself is not read out", async ({ enter }) => {
    const page = await enter();
    await page.goto("/console/tail");
    expect(await page.locator("#list").locator("[aria-live], [role=status], [role=alert]").count()).toBe(0);
  });

  it("is refreshed by a link without JavaScript", async ({ scene, enter }) => {
    const page = await enter({ on: "plain" });
    await page.goto("/console/tail?type=v1%2Fclients");
    expect(await page.getByRole("button", { name: "Pause" }).isVisible()).toBe(false);
    const payload = makePayload("v1/clients");
    await scene.send(payload);
    await follow(page.getByRole("link", { name: "Refresh" }));
    expect(await page.locator(`[data-key="${payload.id}"]`).count()).toBe(1);
    expect(await page.locator("tbody tr", { hasText: "v1/transactions" }).count()).toBe(0);
  });
}
