import type { Chance } from "./chance.ts";

/** All that each Worker calls: D1, its queues, and the network to the destinations. */
const doors = ["database", "events", "retries", "dead_letters", "network"] as const;

/** And Qonto, to which few relays are connected. */
export type Door = (typeof doors)[number] | "qonto";

/** Who makes a call. */
export type Caller = "request" | "fan-out" | "retry" | "dead-letter" | "cron" | "api" | "nobody";

/**
 * What can go wrong with one call. `fails`: an error, and nothing was done. `fails_passingly`: one of those after which D1
 * asks to be called again. `lies`: such an error, though it was done. `late`: done and answered after up to a minute.
 * `hangs`, `hangs_done`: never answered, before or after it was done. `dies`, `dies_done`: the isolate is lost at this
 * await, with all that it was doing and all that it remembered. `twice`: done two times.
 */
const kinds = [
  "fails",
  "fails_passingly",
  "lies",
  // Twice: of its minute there is much to see.
  "late",
  "late",
  "hangs",
  "hangs_done",
  "dies",
  "dies_done",
  "twice",
] as const;

export type FaultKind = (typeof kinds)[number];

export function drawKind(chance: Chance): FaultKind {
  return chance.pick(kinds);
}

/** Says what goes wrong with the next call at a door, and when isolates are lost for no reason of theirs. */
export interface Faults {
  /** Whether nothing goes wrong at all. */
  readonly isNone: boolean;
  next(door: Door, now: number, caller: Caller): FaultKind | null;
  /** Milliseconds from the beginning. */
  readonly kills: readonly number[];
}

export const noFaults: Faults = { isNone: true, next: () => null, kills: [] };

/**
 * For how long Qonto has something to tell, and things go wrong. What follows is calm, and long enough for everything to be
 * recovered.
 */
export function drawStormMs(chance: Chance): number {
  const kind = chance.number();
  if (kind < 0.8) return chance.pick([10_000, 20_000, 30_000]);
  // Breakers open after a minute.
  return kind < 0.98 ? 90_000 : 300_000;
}

/** When it began, Unix milliseconds, and how long it lasts. */
export interface Storm {
  readonly from: number;
  readonly ms: number;
}

/** Calls that a plan of single faults may meet: at each door, and of each caller to D1. */
const CALLS = {
  database: 50,
  events: 12,
  retries: 16,
  dead_letters: 4,
  network: 20,
  request: 8,
  "fan-out": 16,
  retry: 30,
  "dead-letter": 3,
  cron: 26,
  api: 24,
} as const;

/** Half of the plans disturb a call or a few, whose consequences are seen best; the others are weather, a few fair. */
export function drawFaults(chance: Chance, storm: Storm): Faults {
  if (chance.happens(0.1)) return noFaults;
  const kills = chance.happens(0.25) ? Array.from({ length: chance.whole(1, 3) }, () => chance.whole(0, storm.ms)) : [];
  const what = chance.number();
  if (what < 0.3) return { isNone: false, next: single(chance, 1), kills };
  if (what < 0.55) return { isNone: false, next: single(chance, chance.whole(2, 8)), kills };
  if (what < 0.8) return { isNone: false, next: weather(chance, storm), kills };
  return { isNone: false, next: outages(chance, storm), kills };
}

function single(chance: Chance, many: number): Faults["next"] {
  const planned = new Map<string, FaultKind>();
  for (let index = 0; index < many; index += 1) {
    const where: keyof typeof CALLS = chance.happens(0.6)
      ? chance.pick(["database", "request", "fan-out", "retry", "dead-letter", "cron", "api"])
      : chance.pick(["events", "retries", "dead_letters", "network"]);
    planned.set(`${where} ${chance.whole(1, CALLS[where])}`, chance.pick(kinds));
  }
  const calls = new Map<string, number>();
  const count = (where: string) => {
    const times = (calls.get(where) ?? 0) + 1;
    calls.set(where, times);
    return planned.get(`${where} ${times}`) ?? null;
  };
  return (door, _now, caller) => {
    const ofDoor = count(door);
    return (door === "database" ? count(caller) : null) ?? ofDoor;
  };
}

function weather(chance: Chance, storm: Storm): Faults["next"] {
  const rate = chance.pick([0.01, 0.03, 0.1, 0.3]);
  const some = chance.happens(0.5) ? chance.some(kinds, chance.whole(1, 3)) : kinds;
  const common = some as readonly [FaultKind, ...FaultKind[]];
  // Some storms are about one of them.
  const only = chance.happens(0.3)
    ? chance.pick(["request", "fan-out", "retry", "dead-letter", "cron", "api", "api"])
    : null;
  return (_door, now, caller) => {
    if (now - storm.from >= storm.ms || (only !== null && caller !== only)) return null;
    return chance.happens(rate) ? chance.pick(common) : null;
  };
}

/** Stores that do not work for a while, one or both, as D1 does for a minute at times. */
function outages(chance: Chance, storm: Storm): Faults["next"] {
  const windows = Array.from({ length: chance.whole(1, 3) }, () => {
    const from = storm.from + chance.whole(0, storm.ms / 2);
    return {
      door: chance.happens(0.6) ? ("database" as const) : chance.pick(doors),
      from,
      until: from + chance.whole(1_000, storm.ms / 2),
      kind: chance.pick<FaultKind>(["fails", "fails_passingly", "lies", "late", "hangs", "hangs_done"]),
    };
  });
  return (door, now) => windows.find((one) => one.door === door && now >= one.from && now < one.until)?.kind ?? null;
}
