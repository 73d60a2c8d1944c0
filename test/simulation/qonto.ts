import { createHash } from "node:crypto";
import type { Cloud, Ended } from "./cloud.ts";
import { type PlannedEvent, signedHeaders } from "./events.ts";

/** Qonto waits for so long. */
const PATIENCE_MS = 1_000;

/** What goes on in a request whose sender has hung up may be ended with it, or go on for a while. */
const HUNG_UP_MS = 30_000;

const RETRY_MS = [2_000, 10_000, 30_000, 60_000];

interface Answered {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Qonto as a sender: signs, waits a second, and sends again whatever was not answered with 200. */
export class SimulatedQonto {
  /** Ids of events that it was told are accepted. */
  readonly acknowledged = new Set<string>();
  /** Bodies that it was told are in quarantine. */
  readonly quarantined = new Set<string>();
  /** Ids that were refused for their age, after the storm: a copy is in quarantine, and Qonto gives up. */
  readonly stale = new Set<string>();
  readonly #cloud: Cloud;
  readonly #calmFrom: number;
  /** Sendings that are yet to be answered. */
  #open = 0;

  constructor(cloud: Cloud, calmFrom: number) {
    this.#cloud = cloud;
    this.#calmFrom = calmFrom;
  }

  get isDone(): boolean {
    return this.#open === 0;
  }

  plan(event: PlannedEvent): void {
    for (const afterMs of [event.sentAfterMs, ...event.sentAgainAfterMs.map((ms) => event.sentAfterMs + ms)]) {
      this.sendIn(afterMs, event);
    }
  }

  sendIn(ms: number, event: PlannedEvent): void {
    this.#open += 1;
    const signedAt = this.#cloud.agenda.now + ms;
    this.#cloud.agenda.add(ms, () => this.#send(event, signedAt, 0));
  }

  #send(event: PlannedEvent, signedAt: number, tries: number): void {
    const { agenda, chance } = this.#cloud;
    const headers = signedHeaders(event, event.keepsSignature ? signedAt : agenda.now);
    const request = new Request("https://relay.test/webhooks/qonto", { method: "POST", headers, body: event.body });
    const again = () => {
      const waitMs = RETRY_MS[Math.min(tries, RETRY_MS.length - 1)] ?? 0;
      agenda.add(waitMs, () => this.#send(event, signedAt, tries + 1));
    };
    let isHungUp = false;
    const invocation = this.#cloud.start<Answered>(
      "request",
      async ({ relay, bindings }, context) => {
        const response = await relay.fetch(request as never, bindings, context);
        return { status: response.status, body: await response.json() };
      },
      (how) => {
        if (isHungUp) return;
        hangUp();
        if (this.#isSettled(event, how)) this.#open -= 1;
        else again();
      },
    );
    const hangUp = agenda.add(PATIENCE_MS, () => {
      isHungUp = true;
      agenda.add(chance.happens(0.3) ? 0 : chance.whole(0, HUNG_UP_MS), () => invocation.end());
      again();
    });
  }

  #isSettled(event: PlannedEvent, how: Ended<Answered>): boolean {
    this.#cloud.note(
      `Qonto: ${event.id ?? event.body} → ${how.state === "returned" ? `${how.value.status} ${JSON.stringify(how.value.body)}` : how.state}`,
    );
    if (how.state !== "returned") return false;
    const { status, body } = how.value;
    if (status === 200) {
      if (body["status"] === "quarantined") this.quarantined.add(event.body);
      else if (event.id !== null && body["event_id"] === event.id) this.acknowledged.add(event.id);
      else throw new Error(`An event was answered ${JSON.stringify(body)}`);
      return true;
    }
    if (body["code"] === "timestamp_too_old") {
      if (this.#cloud.agenda.now < this.#calmFrom) return false;
      if (event.id !== null) this.stale.add(event.id);
      return true;
    }
    if (status !== 503 && status !== 500) throw new Error(`An event was answered ${status} ${JSON.stringify(body)}`);
    return false;
  }
}

/** The id under which a body that nobody can read is released. */
export function idOfUnreadable(body: string): string {
  return createHash("sha256").update(body).digest("hex");
}
