import type { Browser, BrowserContext, BrowserContextOptions } from "playwright-core";
import { z } from "zod";
import { sampleTypes, sourceOfType } from "../../src/qonto/sample-event.ts";
import { PlayedRelay, untilSettled } from "../demo/client.ts";
import { freePort } from "../demo/free-port.ts";
import { type Reply, TeamServer } from "../demo/team-server.ts";
import { LocalRelay } from "../node/end-to-end/local-relay.ts";
import { type Payload, businessRequest, makePayload, onboardingRequest } from "../support/qonto.ts";
import { startBrowser } from "./browser.ts";

const ADMIN_TOKEN = "local-admin-token";
const BUSINESS_SECRET = "local-business-secret";
const ONBOARDING_SECRET = "local-onboarding-secret";

const SETTLES_WITHIN_MS = 30_000;

const created = z.object({ id: z.string(), secret: z.string() });

/** A relay on this machine that has had a busy day, and a browser to look at it with. */
export class Scene {
  readonly relay: LocalRelay;
  readonly client: PlayedRelay;
  readonly browser: Browser;
  readonly #teams: TeamServer[] = [];
  #admin: BrowserContextOptions["storageState"];

  private constructor(relay: LocalRelay, browser: Browser) {
    this.relay = relay;
    this.browser = browser;
    this.client = new PlayedRelay(relay.url, ADMIN_TOKEN);
  }

  /** With nothing in it. */
  static async start(): Promise<Scene> {
    const relay = new LocalRelay(await freePort());
    await relay.start();
    return new Scene(relay, await startBrowser());
  }

  /** With teams that are well, that fail and that are paused, and with an event of each type, one twice and one stale. */
  static async startBusy(): Promise<Scene> {
    const scene = await Scene.start();
    await scene.addTeam("Accounting");
    await scene.addTeam("Treasury", (before) => (before % 5 === 3 ? 503 : 200), { retry_schedule_seconds: [1] });
    await scene.addTeam("Fraud desk", () => 500, { retry_schedule_seconds: [1], types: ["v1/transactions"] });
    await scene.addTeam("Warehouse", () => 200, { enabled: false });
    for (const type of sampleTypes) await scene.send(makePayload(type));
    const twice = makePayload("v1/transactions");
    for (const payload of [twice, twice]) await scene.send(payload);
    await scene.send(makePayload("v1/transactions"), { ageSeconds: 3_600 });
    await scene.client.webhook({ method: "POST", body: "{}" });
    await scene.settled();
    return scene;
  }

  /** Until each event has come to its end. */
  async settled(): Promise<void> {
    await untilSettled(this.client, SETTLES_WITHIN_MS);
  }

  /** Answers what the API says of the new team. */
  async addTeam(description: string, answer?: (before: number) => number | Reply, wishes: object = {}) {
    const team = await TeamServer.start(answer);
    this.#teams.push(team);
    return this.client.post("/api/destinations", { url: team.url, description, ...wishes }, created);
  }

  /** Qonto sends an event. */
  async send(payload: Payload, { ageSeconds = 0 }: { ageSeconds?: number } = {}): Promise<void> {
    const isBusiness = sourceOfType(String(payload["type"])) === "business";
    const timestamp = Math.floor(Date.now() / 1000) - ageSeconds;
    await this.client.webhook(
      await (isBusiness
        ? businessRequest(payload, { secret: BUSINESS_SECRET, timestamp })
        : onboardingRequest(payload, { secret: ONBOARDING_SECRET })),
    );
  }

  /** A browser of its own that nobody has logged in with. */
  stranger(options: BrowserContextOptions = {}): Promise<BrowserContext> {
    return this.browser.newContext({ baseURL: this.relay.url, timezoneId: "Europe/Paris", ...options });
  }

  /** A browser of its own that is logged in with the admin token. */
  async admin(options: BrowserContextOptions = {}): Promise<BrowserContext> {
    this.#admin ??= await this.logIn(ADMIN_TOKEN);
    return this.stranger({ storageState: this.#admin, ...options });
  }

  /** The same with a new token that may only look. */
  async reader(options: BrowserContextOptions = {}): Promise<BrowserContext> {
    const name = `reader-${crypto.randomUUID()}`;
    const { token } = await this.client.post("/api/tokens", { name, access: "read" }, z.object({ token: z.string() }));
    return this.stranger({ storageState: await this.logIn(token), ...options });
  }

  async end(): Promise<void> {
    await this.browser.close();
    for (const team of this.#teams) team.stop();
    await this.relay.end();
  }

  private async logIn(token: string) {
    const context = await this.stranger();
    const page = await context.newPage();
    await page.goto("/console");
    await page.getByLabel("Token").fill(token);
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
    const state = await context.storageState();
    await context.close();
    return state;
  }
}
