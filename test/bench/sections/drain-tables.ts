import { type Report, figure } from "../report.ts";

export interface Drained {
  readonly events: number;
  readonly databaseCalls: number;
  readonly destinations: readonly DrainedDestination[];
}

interface DrainedDestination {
  readonly delayMs: number;
  readonly delivered: number;
  /** Attempts beyond the first of each event. */
  readonly repeated: number;
  readonly seconds: number;
}

/** Slower ones are served by the retries, whose drains no number of consumers of events multiplies. */
const SLOWEST_IN_FAN_OUT_MS = 200;

/** `maxConcurrency`: the consumers of events that Cloudflare may run at once; null: as many as it likes. */
export function describeDrains(drained: readonly Drained[], maxConcurrency: number | null): Report {
  const rows = drained.flatMap(({ events, databaseCalls, destinations }) =>
    destinations.map((destination) => ({
      ...destination,
      name: nameOf(destination, destinations),
      events,
      perSecond: destination.delivered / destination.seconds,
      callsEach: databaseCalls / events,
      isProjected: destinations.length === 1 && destination.delayMs <= SLOWEST_IN_FAN_OUT_MS,
    })),
  );
  const projected = rows.flatMap(({ isProjected, ...row }) =>
    isProjected && maxConcurrency !== null ? [{ ...row, perSecond: row.perSecond * maxConcurrency }] : [],
  );
  return {
    tables: [
      {
        title: "Waiting events, drained by one consumer of events, as the simulator runs them",
        columns: [
          "destination answers after",
          "events",
          "seconds",
          "deliveries/s",
          "missing",
          "repeated",
          "D1 calls each",
        ],
        rows: rows.map(({ name, events, seconds, perSecond, delivered, repeated, callsEach }) => [
          name,
          figure(events),
          figure(seconds),
          figure(perSecond),
          String(events - delivered),
          String(repeated),
          figure(callsEach),
        ]),
      },
      ...(maxConcurrency === null
        ? []
        : [
            {
              title: `Projection, not measured: ${maxConcurrency} consumers side by side (max_concurrency of wrangler.toml)`,
              columns: ["destination answers after", "deliveries/s", "10,000 events, s", "D1 calls/s"],
              rows: projected.map(({ name, perSecond, callsEach }) => [
                name,
                figure(perSecond),
                figure(10_000 / perSecond),
                figure(perSecond * callsEach),
              ]),
            },
          ]),
    ],
    goals: [],
    figures: Object.fromEntries(
      rows.flatMap(({ name, perSecond, callsEach, events, delivered }) => [
        [`${name}: deliveries a second`, perSecond],
        [`${name}: D1 calls an event`, callsEach],
        [`${name}: missing`, events - delivered],
      ]),
    ),
    notes: [
      "The local runtime runs one batch at a time; Cloudflare runs up to max_concurrency consumers side by side, on machines of their own, against one D1.",
      maxConcurrency === null
        ? "wrangler.toml sets no max_concurrency: Cloudflare runs up to 250 consumers, and D1 is what is left to bound them. Nothing is projected."
        : "The projection multiplies, and holds only as long as D1 keeps up: about a thousand writes a second.",
      "Fewer than 10,000 wait for slow destinations, to save minutes: rates are what to compare. A batch has five attempts in flight, so 200 ms let it make 25 a second.",
      "A destination that answers after 1,000 ms lets attempts run late: the retries serves it, whose drains do not wait for its answers. It is not projected.",
    ],
  };
}

function nameOf({ delayMs }: DrainedDestination, all: readonly DrainedDestination[]): string {
  return `${delayMs} ms${all.length > 1 ? `, one of ${all.length}` : ""}`;
}
