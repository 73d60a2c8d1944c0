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
  /** When it was first told that an event is accepted or, if nobody can read it, in quarantine; by id. */
  readonly acknowledged = new Map<string, number>();
  /** Requests with each event, by id. */
  readonly sendings = new Map<string, number>();
  /** Whether the platform ends a request whose sender has hung up. */
  endsRequests = true;
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
    const signedAt = this.#cloud.agenda.now + ms - event.heldUpMs;
    this.#cloud.agenda.add(ms, () => this.#send(event, signedAt, 0));
  }

  #send(event: PlannedEvent, signedAt: number, tries: number): void {
    const { agenda, chance } = this.#cloud;
    const headers = signedHeaders(event, event.keepsSignature || tries === 0 ? signedAt : agenda.now);
    this.sendings.set(event.id, (this.sendings.get(event.id) ?? 0) + 1);
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
      if (this.endsRequests) {
        agenda.add(chance.happens(0.3) ? 0 : chance.whole(0, HUNG_UP_MS), () => this.#cloud.cutOff(invocation));
      }
      again();
    });
  }

  #isSettled(event: PlannedEvent, how: Ended<Answered>): boolean {
    this.#cloud.note(() => {
      const answer = how.state === "returned" ? `${how.value.status} ${JSON.stringify(how.value.body)}` : how.state;
      return `Qonto: ${event.id} → ${answer}`;
    });
    if (how.state !== "returned") return false;
    const { status, body } = how.value;
    if (event.isForged && body["code"] === "signature_mismatch") return true;
    if (status === 200 && isAcceptanceOf(event, body)) {
      if (!this.acknowledged.has(event.id)) this.acknowledged.set(event.id, this.#cloud.agenda.now);
      return true;
    }
    // A copy is in quarantine by then; one of which D1 took none is sent again.
    if (body["code"] === "timestamp_too_old") return this.#cloud.agenda.now >= this.#calmFrom;
    if (status !== 503 && status !== 500) throw new Error(`${event.id} was answered ${status} ${JSON.stringify(body)}`);
    return false;
  }
}

function isAcceptanceOf({ id, isReadable, isForged }: PlannedEvent, body: Answered["body"]): boolean {
  if (isForged) return false;
  return isReadable ? body["event_id"] === id : body["status"] === "quarantined";
}
