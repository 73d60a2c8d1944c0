import type { DeliberateFault } from "./deliberate-fault.ts";

export const receiveFaults: readonly DeliberateFault[] = [
  {
    title: "An event is acknowledged that neither store has taken in time",
    file: "src/receive/make-durable.ts",
    from: `return durable.state === "done" ? durable.value : "not_stored";`,
    to: `return durable.state === "done" ? durable.value : { by: "queue", sent: true };`,
  },
  {
    title: "The queue's answer is not awaited",
    file: "src/receive/make-durable.ts",
    from: `logged(sending, "queue").then(`,
    to: `(void logged(sending, "queue"), Promise.resolve()).then(`,
  },
  {
    title: "What goes on behind the answer ends with it",
    file: "src/receive/make-durable.ts",
    from: `waitUntil(Promise.allSettled(ways));`,
    to: ``,
  },
  {
    title: "The message behind the answer is not sent",
    file: "src/receive/receive-event.ts",
    from: `await sendTogether(env, toSend, timers);`,
    to: ``,
  },
  {
    title: "Events that share a message with others are not sent",
    file: "src/messages.ts",
    from: `room.events.push(event);`,
    to: ``,
  },
  {
    title: "A stale event is refused and no copy is kept",
    file: "src/receive/receive-event.ts",
    from: `await keepStale({ ...metadata, body }, event, context);`,
    to: ``,
  },
  {
    title: "A forged event is taken",
    file: "src/qonto/signature.ts",
    from: `if (digests.some((digest) => equalInConstantTime(digest, own))) return true;`,
    to: `if (digests.some((digest) => equalInConstantTime(digest, own)) || true) return true;`,
  },
  {
    title: "An unreadable event is acknowledged though the quarantine did not take it",
    file: "src/receive/receive-event.ts",
    from: `record: () => keepInQuarantine(env.DB, quarantined), send`,
    to: `record: async () => (void keepInQuarantine(env.DB, quarantined).catch(() => undefined), "kept"), send`,
  },
  {
    title: "An event is acknowledged whose group failed",
    file: "src/platform/group-commit.ts",
    from: `other.result = outcome === undefined ? "none" : { outcome };`,
    to: `other.result = { outcome: outcome ?? { status: "new", isConflict: false } };`,
  },
  {
    title: "A write that failed is not reported to the one who made it",
    file: "src/platform/group-commit.ts",
    from: `return await this.#writeAlone(item, false);`,
    to: `return await this.#writeAlone(item, false).catch(() => ({ status: "new", isConflict: false }));`,
  },
  {
    title: "One that waits is written by itself and again with the next group",
    file: "src/platform/group-commit.ts",
    from: `if (mayWrite && this.#waiting.delete(waiting)) return`,
    to: `if (mayWrite && this.#waiting.has(waiting)) return`,
  },
  {
    title: "A group takes others with it and does not write them",
    file: "src/platform/group-commit.ts",
    from: `await this.#write(items, false).catch((): readonly Outcome[] => []);`,
    to: `[...(await this.#write([item], false)), ...others.map(() => ({ status: "new", isConflict: false }))];`,
  },
  {
    title: "An event is acknowledged for which the database has no table",
    file: "src/receive/record-events.ts",
    from: `return events.map(() => error);`,
    to: `return events.map(() => ({ status: "new", isConflict: false }));`,
  },
  {
    title: "A call that is repeated takes its own row for a duplicate",
    file: "src/store/events.ts",
    from: `WHERE NOT (?13 AND events.queued_at = excluded.queued_at)`,
    to: `WHERE ?13 IS ?13`,
  },
  {
    title: "An event that is recorded behind a younger one keeps its own time of receipt",
    file: "src/store/event-order.ts",
    from: `WHERE seq = (SELECT max(seq) FROM events)), 0))`,
    to: `WHERE seq < 0), 0))`,
  },
  {
    title: "A message is sent that is larger than a queue takes",
    file: "src/messages.ts",
    from: `EMPTY_BYTES + measured.bytes <= MAX_MESSAGE_BYTES ? measured : null`,
    to: `measured`,
  },
  {
    title: "A call to D1 that is known to be repeatable is not repeated, and its error is taken for an answer",
    file: "src/store/database.ts",
    from: `if (!isTransient(error)) throw error;`,
    to: `return [] as never;`,
  },
];
