import { expect, onTestFinished, it } from "vitest";
import { HttpServer } from "../support/qonto-server/node/http-server.ts";
import { QontoServer } from "../support/qonto-server/node/qonto-server.ts";
import { serveRelay, variables } from "../node/support/served-relay.ts";
import { describeInBrowser, startBrowser } from "./browser.ts";
import { findings, follow } from "./look.ts";
import { watchedPage } from "./watched-page.ts";

const LONGEST_WAIT_MS = 60_000;

/** A relay that is an application of a Qonto on this machine, whose authorization server leads on to another host. */
async function serveBoth() {
  const redirectUris: string[] = [];
  const application = { clientId: "client-of-test", clientSecret: "secret-of-test", redirectUris };
  const qonto = await QontoServer.start({ applications: [application], allowHttp: true });
  onTestFinished(() => qonto.stop());
  const front = await HttpServer.start((request) => {
    const { pathname, search } = new URL(request.url);
    return request.method === "GET" ? Response.redirect(qonto.url + pathname + search) : qonto.answer(request);
  });
  onTestFinished(() => front.stop());
  const relay = await serveRelay({
    QONTO_CLIENT_ID: application.clientId,
    QONTO_CLIENT_SECRET: application.clientSecret,
    QONTO_API_URL: qonto.url,
    QONTO_OAUTH_URL: front.url,
  });
  onTestFinished(() => relay.stop());
  redirectUris.push(`${relay.url}/console/qonto/callback`);
  return { qonto, relay };
}

describeInBrowser("connecting an organization in a browser", () => {
  it("goes from the page to Qonto and back, with and without JavaScript, and is undone after a confirmation", async () => {
    const { qonto, relay } = await serveBoth();
    const other = qonto.addBank();
    const browser = await startBrowser();
    onTestFinished(() => browser.close());

    for (const javaScriptEnabled of [true, false]) {
      const context = await browser.newContext({ baseURL: relay.url, javaScriptEnabled });
      context.setDefaultTimeout(LONGEST_WAIT_MS);
      const { page, faults } = await watchedPage(context);
      await page.goto("/console");
      await page.getByLabel("Token").fill(variables.ADMIN_TOKEN);
      await page.keyboard.press("Enter");
      await page.getByRole("link", { name: "Qonto", exact: true }).click();
      await page.getByRole("button", { name: "Connect an organization" }).click();

      await page.getByRole("heading", { level: 1, name: "Simulated Qonto" }).waitFor();
      await page.getByLabel("Organization").selectOption(other.organizationId);
      await page.getByRole("button", { name: "Accept" }).click();

      await page.getByText("The organization is connected.").waitFor();
      expect(page.url()).toBe(`${relay.url}/console/qonto?done=connection-created`);
      await page.getByRole("heading", { level: 2, name: other.name }).waitFor();
      if (javaScriptEnabled) expect(await findings(page)).toEqual([]);

      const button = page.getByRole("button", { name: "Disconnect", exact: true });
      expect(await button.isVisible()).toBe(false);
      await page.getByText("Disconnect …").click();
      await follow(button);
      await page.getByText("The organization is disconnected").waitFor();
      await page.getByText("No organization is connected").waitFor();
      expect(faults).toEqual([]);
      await context.close();
    }
  });
});
