import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { judgeAlerts } from "../../../src/cron/judge-alerts.ts";
import { type Alert, newAlert } from "../../../src/domain/alert.ts";
import { newBreaker } from "../../../src/domain/breaker.ts";
import { type CheckName, type Health, checkNames } from "../../../src/domain/health.ts";
import type { AlertKey, DestinationSigns, QuarantineSigns } from "../../../src/store/alerts.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const START = Date.UTC(2026, 2, 1);

/** How things are at a run of the cron. */
interface Moment {
  readonly now: number;
  readonly destination?: Partial<DestinationSigns>;
  readonly quarantine?: QuarantineSigns;
  readonly degraded?: readonly CheckName[];
}

const destination: DestinationSigns = {
  ...newBreaker,
  destinationId: "dst_1",
  url: "https://destination.example.com/hook",
  description: null,
  enabled: true,
  goneAt: null,
  lastDeadAt: null,
  deadDeliveries: null,
};

function healthWith(degraded: readonly CheckName[]): Health {
  const statusOf = (name: CheckName) => (degraded.includes(name) ? "degraded" : "ok");
  const checks = checkNames.map((name) => [name, { status: statusOf(name), detail: name, value: 0, limit: 0 }]);
  return { status: degraded.length > 0 ? "degraded" : "ok", checks: Object.fromEntries(checks) as Health["checks"] };
}

/** What is told in the course of some runs, one a minute. */
function tell(moments: readonly Moment[]): { type: string; at: number; id: string }[] {
  const alerts = new Map<string, Alert>();
  const textOf = ({ subject, name }: AlertKey) => `${name} ${subject}`;
  return moments.flatMap(({ now, degraded = [], quarantine = null, ...moment }) => {
    const signs = {
      destinations: [{ ...destination, ...moment.destination }],
      quarantine,
      alertOf: (key: AlertKey) => alerts.get(textOf(key)) ?? newAlert,
    };
    const changes = judgeAlerts(signs, healthWith(degraded), now);
    for (const change of changes) alerts.set(textOf(change), change.after);
    return changes.flatMap(({ event }) => (event === null ? [] : [{ type: event.type, at: now, id: event.id }]));
  });
}

const minutes = <Value>(values: readonly Value[], toMoment: (value: Value, now: number) => Omit<Moment, "now">) =>
  values.map((value, minute): Moment => {
    const now = START + minute * MINUTE;
    return { now, ...toMoment(value, now) };
  });

/** States that last for some minutes each, and the last one for three hours. */
const states = <Value>(one: fc.Arbitrary<Value>) =>
  fc
    .array(fc.tuple(one, fc.integer({ min: 1, max: 40 })), { minLength: 1, maxLength: 30 })
    .map((runs) =>
      runs.flatMap(([value, length], index) => Array<Value>(index === runs.length - 1 ? 180 : length).fill(value)),
    );

/** Never more than one an hour, beside those at once. */
function expectPace(at: readonly number[], atOnce: number): void {
  for (const first of at) {
    const within = (hours: number) => at.filter((one) => one >= first && one < first + hours * HOUR).length;
    for (const hours of [1, 2, 5]) expect(within(hours)).toBeLessThanOrEqual(hours + atOnce - 1);
  }
}

const open = (now: number) => ({ failingSince: now, consecutiveFailures: 10, circuitOpenedAt: now });

describe("whatever comes", () => {
  it("a destination is told of once an hour and one more, each failing has its end, and at last the truth is told", () => {
    fc.assert(
      fc.property(states(fc.boolean()), (failing) => {
        const events = tell(minutes(failing, (isFailing, now) => ({ destination: isFailing ? open(now) : {} })));
        const types = events.map(({ type }) => type);
        expect(types).toEqual(
          events.map((_, index) => `relay.destination.${index % 2 === 0 ? "failing" : "recovered"}`),
        );
        expectPace(
          events.map(({ at }) => at),
          2,
        );
        expectPace(
          events.filter(({ type }) => type === "relay.destination.failing").map(({ at }) => at),
          1,
        );
        expect(types.at(-1) === "relay.destination.failing").toBe(failing.at(-1));
        expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);
      }),
    );
  });

  it("the health is told of once an hour and one more, and at last the truth is told", () => {
    const check = fc.subarray<CheckName>(["cron", "fan_out", "deliveries"]);
    fc.assert(
      fc.property(states(check), (all) => {
        const events = tell(minutes(all, (degraded) => ({ degraded })));
        expectPace(
          events.map(({ at }) => at),
          2,
        );
        expect(events.at(-1)?.type === "relay.health.degraded").toBe((all.at(-1) ?? []).length > 0);
      }),
    );
  });

  it("dead deliveries and quarantined events are told of at most once an hour, and all of them are", () => {
    fc.assert(
      fc.property(states(fc.boolean()), (coming) => {
        let lastAt = 0;
        const moments = minutes(coming, (isComing, now) => {
          lastAt = isComing ? now : lastAt;
          if (lastAt === 0) return {};
          return {
            destination: { lastDeadAt: lastAt, deadDeliveries: 1 },
            quarantine: { quarantinedAt: lastAt, waiting: 1 },
          };
        });
        const events = tell(moments);
        for (const type of ["relay.delivery.dead", "relay.quarantine.received"]) {
          const at = events.filter((event) => event.type === type).map((event) => event.at);
          expectPace(at, 1);
          expect(at.at(-1) ?? 0).toBeGreaterThanOrEqual(coming.at(-1) ? lastAt - HOUR : lastAt);
        }
      }),
    );
  });
});

describe("the health", () => {
  const typesOf = (degraded: readonly (readonly CheckName[])[]) =>
    tell(minutes(degraded, (names) => ({ degraded: names }))).map(({ type, at }) => [
      type.slice("relay.health.".length),
      (at - START) / MINUTE,
    ]);

  it.each([
    ["one bad minute", [["cron"], [], [], []], []],
    ["one bad minute of one check, and then of another", [["cron"], ["fan_out"], [], []], []],
    [
      "two bad minutes",
      [["cron"], ["cron"], [], []],
      [
        ["degraded", 1],
        ["ok", 3],
      ],
    ],
    ["one good minute between bad ones", [["cron"], ["cron"], [], ["cron"], ["cron"]], [["degraded", 1]]],
    [
      "a further check",
      [["cron"], ["cron"], ["cron", "storage"], ["cron", "storage"]],
      [
        ["degraded", 1],
        ["degraded", 3],
      ],
    ],
    ["one check less", [["cron", "storage"], ["cron", "storage"], ["cron"], ["cron"]], [["degraded", 1]]],
  ] as const)("is told of by two runs in a row: %s", (_title, degraded, expected) => {
    expect(typesOf(degraded)).toEqual(expected);
  });
});
