import type { SQLInputValue } from "node:sqlite";
import { expect, vi } from "vitest";
import { z } from "zod";
import { sourceOfType } from "../../src/qonto/sample-event.ts";
import { PlayedRelay } from "../demo/client.ts";
import { type Reply, DestinationServer } from "../demo/destination-server.ts";
import { type ServedRelay, serveRelay, variables } from "../node/support/served-relay.ts";
import { type Payload, businessRequest, makePayload, onboardingRequest } from "../support/qonto.ts";
import { insertBeneath } from "./local-database.ts";

/** Only a failure waits so long, also on a busy machine. */
const LONGEST_WAIT_MS = 60_000;

const created = z.object({ id: z.string() });
const event = z.object({ state: z.string() });

/** A relay on this machine, with Qonto and destinations. */
export class Scene {
  readonly relay: ServedRelay;
  readonly adminToken = variables.ADMIN_TOKEN;
  readonly client: PlayedRelay;
  readonly #destinations: DestinationServer[] = [];

  private constructor(relay: ServedRelay) {
    this.relay = relay;
    this.client = new PlayedRelay(relay.url, this.adminToken);
  }

  /** Without data. */
  static async start(): Promise<Scene> {
    return new Scene(await serveRelay());
  }

  async end(): Promise<void> {
    for (const destination of this.#destinations) destination.stop();
    await this.relay.stop();
  }

  /** A destination's server, without a destination in the relay. */
  async listen(answer?: (before: number) => number | Reply): Promise<DestinationServer> {
    const destination = await DestinationServer.start(answer);
    this.#destinations.push(destination);
    return destination;
  }

  /** Returns the id of the new destination. */
  async addDestination(description: string, answer?: (before: number) => number | Reply, settings: object = {}) {
    const { url } = await this.listen(answer);
    const { id } = await this.client.post("/api/destinations", { url, description, ...settings }, created);
    return id;
  }

  /** Qonto sends events, one after the other. */
  async send(...payloads: readonly Payload[]): Promise<void> {
    for (const payload of payloads) {
      const isBusiness = sourceOfType(String(payload["type"])) === "business";
      const request = isBusiness
        ? await businessRequest(payload, this.#signing())
        : await onboardingRequest(payload, { secret: variables.QONTO_ONBOARDING_SECRETS });
      expect((await this.client.webhook(request)).httpStatus).toBe(200);
      // Where D1 is slow, the acknowledgement comes first.
      await untilPassing(() => this.#stateOf(payload));
    }
  }

  /** Waits until each of the events is settled. */
  async settled(...payloads: readonly Payload[]): Promise<void> {
    for (const payload of payloads) {
      await untilPassing(async () => expect(await this.#stateOf(payload)).not.toBe("pending"));
    }
  }

  /** Qonto sends a stale event, which is quarantined. */
  async sendStale(): Promise<void> {
    const request = await businessRequest(makePayload("v1/cards"), this.#signing({ ageSeconds: 3_600 }));
    expect((await this.client.webhook(request)).httpStatus).toBe(401);
  }

  /** Qonto sends an unreadable body. Returns its id in quarantine. */
  async sendUnreadable(body: string | Uint8Array<ArrayBuffer>): Promise<string> {
    const { body: receipt } = await this.client.webhook(await businessRequest(body, this.#signing()));
    expect(receipt.status).toBe("quarantined");
    const [newest] = await Array.fromAsync(this.client.list("/api/quarantine", created, { limit: 1 }));
    return newest?.id ?? "";
  }

  insert(table: string, ...rows: readonly Record<string, SQLInputValue>[]): void {
    insertBeneath(this.relay.stateDirectory, table, rows);
  }

  async #stateOf({ id }: Payload): Promise<string> {
    return (await this.client.get(`/api/events/${encodeURIComponent(id)}`, event)).state;
  }

  #signing({ ageSeconds = 0 } = {}) {
    return { secret: variables.QONTO_WEBHOOK_SECRETS, timestamp: Math.floor(Date.now() / 1000) - ageSeconds };
  }
}

function untilPassing(check: () => Promise<unknown>): Promise<unknown> {
  return vi.waitFor(check, { timeout: LONGEST_WAIT_MS, interval: 100 });
}
