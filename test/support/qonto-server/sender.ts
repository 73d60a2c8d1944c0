import { withTimeout } from "../../../src/platform/timeout.ts";
import { signBusiness, signOnboarding } from "../../../src/qonto/signature.ts";
import type { QontoWorld } from "./world.ts";

/** Where something is sent to, and what signs it. */
export interface Receiver {
  readonly source: "business" | "onboarding";
  readonly url: string;
  readonly secret: string;
}

interface Try {
  /** Unix milliseconds. */
  readonly at: number;
  /** Null: no answer within the second that Qonto waits. */
  readonly status: number | null;
  readonly durationMs: number;
  readonly answer: string;
}

export interface Delivery {
  readonly url: string;
  readonly eventId: string;
  readonly type: string;
  readonly body: Uint8Array<ArrayBuffer>;
  readonly tries: Try[];
  outcome: "pending" | "delivered" | "abandoned";
}

export interface SenderOptions {
  /** Waits between tries; then the event is abandoned. */
  readonly backOffMs: readonly number[];
  /** Qonto does not say whether a retry is signed with a new timestamp. */
  readonly signsEachRetry: boolean;
}

export interface Sending {
  /** Age of the signature in seconds. */
  readonly ageSeconds?: number;
  /** Times that it is sent, each as if the answer before had been lost. */
  readonly times?: number;
}

const ANSWER_WITHIN_MS = 1_000;

/** Qonto as a sender: waits a second for 2xx, retries after longer and longer waits, and abandons the event in the end. */
export class Sender {
  readonly deliveries: Delivery[] = [];
  readonly #options: SenderOptions;
  readonly #world: QontoWorld;
  readonly #end = Promise.withResolvers<void>();
  #hasEnded = false;

  constructor(options: SenderOptions, world: QontoWorld) {
    this.#options = options;
    this.#world = world;
  }

  /** Sends an event until it is answered 2xx or abandoned. */
  async send(
    event: { readonly id: string; readonly [field: string]: unknown },
    receiver: Receiver,
    { ageSeconds = 0, times = 1 }: Sending = {},
  ): Promise<Delivery> {
    const body = Uint8Array.from(new TextEncoder().encode(JSON.stringify(event)));
    const type = String(event["type"] ?? event["event_type"]);
    const delivery: Delivery = { url: receiver.url, eventId: event.id, type, body, tries: [], outcome: "pending" };
    this.deliveries.push(delivery);
    const nowSeconds = () => Math.floor(this.#world.now() / 1000);
    const firstSignedAt = nowSeconds() - ageSeconds;
    let accepted = 0;
    for (const waitMs of [0, ...Array<number>(times - 1).fill(0), ...this.#options.backOffMs]) {
      if (waitMs > 0 && !(await this.#wait(waitMs))) break;
      const signedAt = this.#options.signsEachRetry ? nowSeconds() - ageSeconds : firstSignedAt;
      const made = await attempt(body, receiver, signedAt, this.#world);
      delivery.tries.push(made);
      if (made.status !== null && made.status >= 200 && made.status < 300) accepted += 1;
      if (accepted === times) break;
    }
    delivery.outcome = accepted > 0 ? "delivered" : "abandoned";
    return delivery;
  }

  /** Abandons what waits for its next try. */
  stop(): void {
    this.#hasEnded = true;
    this.#end.resolve();
  }

  async #wait(milliseconds: number): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const clear = this.#world.setTimer(milliseconds, resolve);
    await Promise.race([promise, this.#end.promise]);
    clear();
    return !this.#hasEnded;
  }
}

async function attempt(
  body: Uint8Array<ArrayBuffer>,
  receiver: Receiver,
  signedAt: number,
  world: QontoWorld,
): Promise<Try> {
  const at = world.now();
  const hangingUp = new AbortController();
  const post = async () => {
    const response = await world.send(receiver.url, {
      method: "POST",
      headers: { "content-type": "application/json", ...(await signatureOf(body, receiver, signedAt)) },
      body,
      redirect: "manual",
      signal: hangingUp.signal,
    });
    return { status: response.status, answer: await response.text() };
  };
  const settled = await withTimeout(post(), ANSWER_WITHIN_MS, world);
  const durationMs = world.now() - at;
  if (settled.state === "done") return { at, durationMs, ...settled.value };
  hangingUp.abort();
  const answer = settled.state === "late" ? "no answer within a second" : String(settled.error);
  return { at, durationMs, status: null, answer };
}

async function signatureOf(body: Uint8Array<ArrayBuffer>, { source, secret }: Receiver, signedAt: number) {
  return source === "business"
    ? { "x-qonto-signature": await signBusiness(body, signedAt, secret) }
    : { "qonto-sha256-signature": await signOnboarding(body, secret) };
}
