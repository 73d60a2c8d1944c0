import { sleep } from "../../../src/platform/timeout.ts";
import { type Intercept, interceptDatabase, never } from "../support/database.ts";
import type { TestRelay } from "../support/relay.ts";
import type { Answer } from "../support/destinations.ts";

/**
 * What can go wrong with one call. `fails`: an error, and nothing was done. `fails_passingly`: the like of which
 * the platform says that it may be tried again. `lies`: an error, though it was done. `hangs`, `hangs_done`: no answer ever, before or
 * after it was done; a consumer is ended by the platform, a request has to do without. `dies`, `dies_done`: the process
 * is killed at this await. `late`: done and answered after a third of a second. `twice`: done two times.
 */
export const faultKinds = [
  "fails",
  "fails_passingly",
  "lies",
  "hangs",
  "hangs_done",
  "dies",
  "dies_done",
  "late",
  "twice",
] as const;

type FaultKind = (typeof faultKinds)[number];

/** The stores, and the network to the destinations. */
export const doors = ["database", "events", "retries", "destinations"] as const;

export type Door = (typeof doors)[number];

export interface Fault {
  readonly door: Door;
  /** Which of the calls at this door, from 1. */
  readonly call: number;
  readonly kind: FaultKind;
}

const LATE_MS = 300;

/** Puts the faults between a relay and all that it calls. */
export class Doubles {
  readonly calls: Record<Door, number> = { database: 0, events: 0, retries: 0, destinations: 0 };
  /** Whether the process was killed since somebody last asked. */
  #wasKilled = false;
  #die: (error: Error) => void = () => undefined;
  #isClosed = false;
  readonly #relay: TestRelay;
  readonly #faults: readonly Fault[];

  constructor(relay: TestRelay, faults: readonly Fault[]) {
    this.#relay = relay;
    this.#faults = faults;
    this.#revive();
    const intercept: Intercept = (_call, proceed) => this.#pass("database", proceed);
    relay.env = {
      ...relay.env,
      DB: interceptDatabase(relay.env.DB, intercept),
      EVENTS: this.#between("events", relay.env.EVENTS),
      RETRIES: this.#between("retries", relay.env.RETRIES),
    };
  }

  /** A destination's answers, with the faults of the network before them. */
  before(answer: Answer): Answer {
    return (...request) => this.#pass("destinations", async () => answer(...request));
  }

  takeKill(): boolean {
    const wasKilled = this.#wasKilled;
    this.#wasKilled = false;
    return wasKilled;
  }

  #between<Message>(door: Door, queue: Queue<Message>): Queue<Message> {
    return {
      send: (body, options) => this.#pass(door, () => queue.send(body, options)),
      sendBatch: (messages, options) => {
        const all = [...messages];
        return this.#pass(door, () => queue.sendBatch(all, options));
      },
      metrics: () => queue.metrics(),
    };
  }

  /** Cuts off whatever still goes on: the next play has the same database. */
  close(): void {
    this.#isClosed = true;
  }

  async #pass<Value>(door: Door, call: () => Promise<Value>): Promise<Value> {
    const proceed = () => (this.#isClosed ? never : call());
    this.calls[door] += 1;
    const fault = this.#faults.find((one) => one.door === door && one.call === this.calls[door]);
    switch (fault?.kind) {
      case undefined:
        return proceed();
      case "fails":
        throw new Error("D1_ERROR: D1 DB is overloaded. Requests queued for too long.");
      case "fails_passingly":
        throw new Error("D1_ERROR: Network connection lost.");
      case "lies":
        await proceed();
        throw new Error("D1_ERROR: Network connection lost.");
      case "hangs_done":
      case "dies_done":
        await proceed();
        return this.#end(fault.kind === "dies_done");
      case "hangs":
      case "dies":
        return this.#end(fault.kind === "dies");
      case "late":
        await sleep(LATE_MS, this.#relay.clock);
        return proceed();
      case "twice":
        await proceed();
        return proceed();
    }
  }

  /** A request lives on without an answer of a store; whatever else waits for one is ended by the platform in the end. */
  #end(isKill: boolean): Promise<never> {
    this.#wasKilled ||= isKill;
    if (isKill || !this.isReceiving) {
      this.#die(new Error("The process is gone"));
      this.#revive();
    }
    return never;
  }

  /** Whether a request of Qonto's is being answered. */
  isReceiving = false;

  #revive(): void {
    const { promise, reject } = Promise.withResolvers<never>();
    // Nobody may be waiting for it.
    promise.catch(() => undefined);
    this.#die = reject;
    this.#relay.died = promise;
  }
}
