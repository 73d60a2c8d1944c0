import { AsyncLocalStorage } from "node:async_hooks";
import type { Bindings } from "../../src/env.ts";
import type { createRelay } from "../../src/relay.ts";
import type { World } from "../../src/platform/world.ts";
import type { Agenda } from "./agenda.ts";
import type { Chance } from "./chance.ts";
import type { Caller, Door, Faults } from "./faults.ts";

/** The platform ends work behind an answer or a batch after this. */
const BEHIND_MS = 30_000;

const LATEST_MS = 60_000;

/** A Worker in memory. All its work is lost with it. */
export interface Isolate {
  readonly number: number;
  /** A newer version is deployed: only invocations in progress go on in this one. */
  isOutdated: boolean;
  readonly relay: ReturnType<typeof createRelay>;
  readonly bindings: Bindings;
  readonly invocations: Set<Invocation>;
}

export type InvocationKind = Exclude<Caller, "nobody">;

/** One request, batch or cron run in progress. */
export class Invocation {
  readonly kind: InvocationKind;
  readonly isolate: Isolate;
  /** From then on its calls have no effect and get no answer. */
  isOver = false;
  onEnd: () => void = () => undefined;
  /** Of queues and destinations. */
  answersAwaited = 0;
  readonly #all: Set<Invocation>;

  constructor(kind: InvocationKind, isolate: Isolate, all: Set<Invocation>) {
    this.kind = kind;
    this.isolate = isolate;
    this.#all = all;
    all.add(this);
    isolate.invocations.add(this);
  }

  end(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.isolate.invocations.delete(this);
    this.#all.delete(this);
    this.onEnd();
  }
}

export type Ended<Value> =
  | { readonly state: "returned"; readonly value: Value }
  | { readonly state: "threw"; readonly error: unknown }
  | { readonly state: "cut off" };

const running = new AsyncLocalStorage<Invocation>();

/** Builds a Worker with an isolate's world and bindings. */
export type MakeIsolate = (number: number) => Pick<Isolate, "relay" | "bindings">;

/** The platform: isolates that start and end, several invocations in each, and calls that can fail. */
export class Cloud {
  readonly agenda: Agenda;
  readonly chance: Chance;
  faults: Faults;
  /** Disturbances so far: calls that met a fault, lost isolates, invocations that were ended. */
  disturbances = 0;
  /** Of these, the ones that may repeat a delivery. */
  reasonsToRepeat = 0;
  /** The first error that was found. */
  violation: Error | null = null;
  readonly #trace: ((line: string) => void) | null;
  /** The ones that accept requests, batches and cron runs. */
  #isolates: Isolate[] = [];
  readonly #inProgress = new Set<Invocation>();
  #made = 0;
  readonly #makeIsolate: MakeIsolate;

  /** `trace` gets a line for each step. */
  constructor(
    agenda: Agenda,
    chance: Chance,
    faults: Faults,
    makeIsolate: MakeIsolate,
    trace: ((line: string) => void) | null,
  ) {
    this.agenda = agenda;
    this.chance = chance;
    this.faults = faults;
    this.#makeIsolate = makeIsolate;
    this.#trace = trace;
  }

  note(line: () => string): void {
    this.#trace?.(`${String(this.agenda.now % 86_400_000).padStart(8)} ${line()}`);
  }

  /** The invocation that is making a call; null outside of any. */
  get caller(): Invocation | null {
    return running.getStore() ?? null;
  }

  /** How many invocations are in progress. */
  get busy(): number {
    return this.#inProgress.size;
  }

  /** A timer ends with the invocation that has set it. */
  readonly setTimer: World["setTimer"] = (ms, callback) => {
    const invocation = this.caller;
    return this.agenda.add(ms, () => {
      if (invocation?.isOver !== true) callback();
    });
  };

  /** Notes an error. The history ends with this step. */
  accuse(error: unknown): void {
    this.violation ??= error instanceof Error ? error : new Error(String(error));
  }

  /** Begins an invocation in some isolate; `whenEnded` is called once, with the outcome. */
  start<Value>(
    kind: InvocationKind,
    work: (isolate: Isolate, context: ExecutionContext) => Promise<Value>,
    whenEnded: (how: Ended<Value>) => void,
  ): Invocation {
    const invocation = new Invocation(kind, this.#someIsolate(), this.#inProgress);
    let behind = 0;
    let hasReturned = false;
    const tell = (how: Ended<Value>) => {
      invocation.onEnd = () => undefined;
      try {
        whenEnded(how);
      } catch (error) {
        this.accuse(error);
      }
    };
    const endIfDone = () => {
      if (hasReturned && behind === 0) invocation.end();
    };
    const waitUntil = (promise: Promise<unknown>) => {
      behind += 1;
      const settle = () => {
        behind -= 1;
        endIfDone();
      };
      promise.then(settle, settle);
    };
    const settle = (how: Ended<Value>) => {
      if (invocation.isOver) return;
      hasReturned = true;
      tell(how);
      endIfDone();
      if (!invocation.isOver) this.agenda.add(BEHIND_MS, () => this.cutOff(invocation));
    };
    invocation.onEnd = () => tell({ state: "cut off" });
    const context = { waitUntil, passThroughOnException: () => undefined, props: {} } as unknown as ExecutionContext;
    running
      .run(invocation, () => work(invocation.isolate, context))
      .then(
        (value) => settle({ state: "returned", value }),
        (error: unknown) => settle({ state: "threw", error }),
      );
    return invocation;
  }

  /**
   * Makes a call of the Worker to something outside. Some moments later `take` has its effect, and says the answer and when
   * it arrives, unless a fault occurs.
   */
  call<Value>(
    door: Door,
    what: () => string,
    take: () => Answer<Value | PromiseLike<Value>>,
    signal?: AbortSignal | null,
  ): Promise<Value> {
    const { promise, resolve, reject } = Promise.withResolvers<Value>();
    const invocation = this.caller;
    const fault = this.faults.next(door, this.agenda.now, invocation?.kind ?? "nobody");
    this.note(() => `${nameOf(invocation)} ${door}: ${what()}${fault === null ? "" : ` [${fault}]`}`);
    if (fault !== null) this.disturbances += 1;
    // A lost answer of D1 is such a reason. A repeated statement, or a failure elsewhere, is not.
    if (fault !== null && door === "database" && fault !== "twice") this.reasonsToRepeat += 1;
    if (invocation !== null && door !== "database") this.#waitForAnswer(invocation, promise);
    const isGone = () => invocation?.isOver === true;
    const answer = (ms: number, settle: () => void) => {
      if (ms !== Number.POSITIVE_INFINITY) this.agenda.add(ms, () => isGone() || settle());
    };
    signal?.addEventListener("abort", () => isGone() || reject(signal.reason));

    const takeIt = () => {
      try {
        const { value, afterMs } = take();
        return { afterMs, settle: () => resolve(value) };
      } catch (error) {
        return { afterMs: 0, settle: () => reject(error) };
      }
    };
    const arrive = (ms: number, then: () => void) =>
      void this.agenda.add(ms, () => {
        // A call in flight when its isolate was lost may have arrived or not.
        if (!isGone() || this.chance.happens(0.5)) then();
      });
    const there = this.latencyMs();
    switch (fault) {
      case null:
        arrive(there, () => {
          const { afterMs, settle } = takeIt();
          answer(afterMs, settle);
        });
        break;
      case "fails":
      case "fails_passingly":
        answer(there, () => reject(errorOf(door, fault)));
        break;
      case "lies":
        arrive(there, () => {
          takeIt();
          answer(this.latencyMs(), () => reject(errorOf(door, "fails_passingly")));
        });
        break;
      case "late": {
        const isTakenLate = this.chance.happens(0.5);
        const lateMs = this.chance.happens(0.3)
          ? this.chance.whole(LATEST_MS / 2, LATEST_MS)
          : Math.floor(300 * (LATEST_MS / 300) ** this.chance.number());
        arrive(isTakenLate ? lateMs : there, () => {
          const { afterMs, settle } = takeIt();
          answer(isTakenLate ? afterMs : lateMs + afterMs, settle);
        });
        break;
      }
      case "hangs":
        break;
      case "hangs_done":
        arrive(there, takeIt);
        break;
      case "dies":
        answer(there, () => invocation && this.lose(invocation.isolate));
        break;
      case "dies_done":
        answer(there, () => {
          takeIt();
          if (invocation) this.lose(invocation.isolate);
        });
        break;
      case "twice":
        arrive(there, () => {
          const first = takeIt();
          arrive(this.latencyMs(), () => {
            const second = takeIt();
            const { afterMs, settle } = this.chance.happens(0.5) ? first : second;
            answer(afterMs, settle);
          });
        });
    }
    return promise;
  }

  /** Most calls take some milliseconds, a few take seconds. */
  latencyMs(): number {
    const kind = this.chance.number();
    if (kind < 0.7) return this.chance.whole(0, 4);
    return kind < 0.97 ? this.chance.whole(4, 40) : this.chance.whole(40, 400);
  }

  /** The platform lets an invocation wait for six answers. It would queue a seventh call while its timer runs. */
  #waitForAnswer(invocation: Invocation, answer: Promise<unknown>): void {
    invocation.answersAwaited += 1;
    if (invocation.answersAwaited > MOST_ANSWERS_AWAITED)
      this.accuse(`${nameOf(invocation)} waits for too many answers`);
    const settle = () => void (invocation.answersAwaited -= 1);
    answer.then(settle, settle);
  }

  /** Ends an invocation early. */
  cutOff(invocation: Invocation): void {
    if (invocation.isOver) return;
    this.note(() => `${nameOf(invocation)} is cut off`);
    this.disturb();
    invocation.end();
  }

  /** Work from before this may be repeated. */
  disturb(): void {
    this.disturbances += 1;
    this.reasonsToRepeat += 1;
  }

  /** A new version of the Worker takes all new work; older ones end what they have begun. */
  deploy(): void {
    this.note(() => "another version is deployed");
    for (const isolate of this.#isolates) isolate.isOutdated = true;
    this.#isolates = [];
  }

  /** An isolate is lost with its invocations in progress. */
  lose(isolate: Isolate): void {
    this.note(() => `isolate ${isolate.number} is lost`);
    this.disturb();
    this.#isolates = this.#isolates.filter((one) => one !== isolate);
    for (const invocation of isolate.invocations) invocation.end();
  }

  loseAll(): void {
    const all = new Set([...this.#isolates, ...this.#inProgress.values().map(({ isolate }) => isolate)]);
    for (const isolate of all) this.lose(isolate);
  }

  loseSome(): void {
    const [isolate] = this.chance.some(this.#isolates, 1);
    if (isolate !== undefined) this.lose(isolate);
  }

  #someIsolate(): Isolate {
    const [known] = this.chance.some(this.#isolates, 1);
    if (known !== undefined && (this.#isolates.length >= MOST_ISOLATES || this.chance.happens(0.8))) return known;
    const number = (this.#made += 1);
    const isolate = { number, isOutdated: false, invocations: new Set<Invocation>(), ...this.#makeIsolate(number) };
    this.#isolates.push(isolate);
    return isolate;
  }
}

const MOST_ISOLATES = 2;

const MOST_ANSWERS_AWAITED = 6;

/** The answer to a call, and when it arrives. */
export interface Answer<Value> {
  readonly value: Value;
  readonly afterMs: number;
}

function nameOf(invocation: Invocation | null): string {
  return invocation === null ? "nobody" : `${invocation.kind}@${invocation.isolate.number}`;
}

function errorOf(door: Door, kind: "fails" | "fails_passingly"): Error {
  if (door === "network" || door === "qonto") return new TypeError("Network connection lost.");
  return new Error(
    kind === "fails"
      ? "D1_ERROR: D1 DB is overloaded. Requests queued for too long."
      : "D1_ERROR: Network connection lost.",
  );
}
