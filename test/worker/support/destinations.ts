import { type Timers, sleep } from "../../../src/platform/timeout.ts";
import type { World } from "../../../src/platform/world.ts";

/** Downstream destinations as the relay meets them on the network, by their URL. */

export interface ReceivedRequest {
  readonly url: string;
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer>;
  readonly text: string;
  /** Of the relay's clock. */
  readonly at: number;
}

export type Answer = (request: ReceivedRequest, signal: AbortSignal, timers: Timers) => Response | Promise<Response>;

export const ok: Answer = () => new Response("thanks");

export const okAfter =
  (ms: number): Answer =>
  async (_request, _signal, timers) => {
    await sleep(ms, timers);
    return new Response("at last");
  };

/** Takes a moment, as a network does, so that calls can overlap. */
export const okAfterAMoment = okAfter(1);

/** Answers that status, then that one, …; the last one for ever. */
export function statuses(...all: [number, ...number[]]): Answer {
  let turn = 0;
  return () => new Response(null, { status: all[Math.min(turn++, all.length - 1)] ?? 500 });
}

/** Answers the first attempt of one event of so many with 503; 0: of none. */
export function failingFirst(oneOf: number): Answer {
  const seen = new Set<string>();
  return ({ headers }) => {
    const id = headers.get("webhook-id") ?? "";
    const isFirst = !seen.has(id);
    seen.add(id);
    return new Response(null, { status: isFirst && oneOf > 0 && seen.size % oneOf === 0 ? 503 : 200 });
  };
}

/** Accepts the connection and says nothing until the caller hangs up. */
export const hang: Answer = (_request, signal) =>
  new Promise((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
  });

export const unreachable: Answer = () => {
  throw new TypeError("Network connection lost.");
};

export class Destinations {
  readonly received: ReceivedRequest[] = [];
  inFlight = 0;
  mostInFlight = 0;
  readonly #answers = new Map<string, Answer>();
  readonly #clock: Pick<World, "now" | "setTimer">;

  constructor(clock: Pick<World, "now" | "setTimer">) {
    this.#clock = clock;
  }

  /** From now on the destination at this URL answers so. A URL that nobody has claimed takes everything. */
  answer(url: string, answer: Answer): void {
    this.#answers.set(url, answer);
  }

  at(url: string): ReceivedRequest[] {
    return this.received.filter((request) => request.url === url);
  }

  readonly fetch = async (url: string, init: RequestInit): Promise<Response> => {
    const request = new Request(url, init);
    const body = new Uint8Array(await request.arrayBuffer());
    const received = {
      url,
      headers: request.headers,
      body,
      text: new TextDecoder().decode(body),
      at: this.#clock.now(),
    };
    this.received.push(received);
    this.inFlight += 1;
    this.mostInFlight = Math.max(this.mostInFlight, this.inFlight);
    try {
      const signal = init.signal ?? new AbortController().signal;
      const response = await (this.#answers.get(url) ?? ok)(received, signal, this.#clock);
      const location = response.headers.get("location");
      // As the network would, unless it is told not to.
      return location !== null && request.redirect === "follow" ? await this.fetch(location, init) : response;
    } finally {
      this.inFlight -= 1;
    }
  };
}
