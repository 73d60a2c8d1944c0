import { describe, expect, it } from "vitest";
import { exampleEvent } from "../../../src/api/schemas/event.ts";
import { follow } from "../../../src/cli/commands/tail/follow.ts";
import { RelayClient } from "../../../src/cli/relay-client.ts";
import { type Answer, type Received, ScriptedServer } from "./scripted-server.ts";

/** `tail` against an operator's API whose events, seconds and outages a test makes up. */

const START_MS = Date.parse("2026-01-01T00:00:00Z");
const at = (seconds: number) => new Date(START_MS + seconds * 1000).toISOString();

class Enough extends Error {}

interface Recorded {
  readonly id: string;
  receivedAt: number;
  state?: string;
  type?: string;
  answers?: number;
}

class PlayedRelay {
  readonly events: Recorded[] = [];
  readonly shown: string[] = [];
  readonly notes: string[] = [];
  readonly asked: Received[] = [];
  isAway = false;
  status = 503;

  record(id: string, receivedAt: number, more: Partial<Recorded> = {}): void {
    this.events.push({ id, receivedAt, ...more });
  }

  settle(id: string): void {
    const found = this.events.find((event) => event.id === id);
    if (found !== undefined) found.state = "settled";
  }

  /** Follows; before each round a step is taken. Ends after the last one, and answers what was shown. */
  async tail(
    steps: readonly (() => void)[],
    { sinceMs, type }: { sinceMs?: number; type?: string } = {},
  ): Promise<string[]> {
    const server = await new ScriptedServer((received) => this.#answer(received)).start();
    let round = 0;
    try {
      await follow(new RelayClient(server.url, "token"), {
        type,
        organization: undefined,
        sinceMs,
        onEvent: ({ id, state }) => this.shown.push(`${id} ${state}`),
        onOutcome: ({ id, state, deliveries }) =>
          this.shown.push(`${id} → ${state} ${deliveries[0]?.status ?? ""}`.trim()),
        onAnswers: ({ id, state, deliveries }) =>
          this.shown.push(`${id} … ${state} ${deliveries[0]?.attempts[0]?.status}`),
        note: (text) => this.notes.push(text),
        wait: async () => {
          const step = steps[round];
          if (step === undefined) throw new Enough();
          round += 1;
          step();
        },
      });
    } catch (error) {
      if (!(error instanceof Enough)) throw error;
    } finally {
      await server.stop();
    }
    return this.shown;
  }

  #answer(received: Received): Answer {
    this.asked.push(received);
    if (this.isAway) return { status: this.status, body: { code: "not_stored", detail: "Away." } };
    const [, , , id] = received.path.split("/");
    return id === undefined ? this.#list(received) : this.#show(id);
  }

  #list({ query }: Received): Answer {
    const since = Date.parse(query.get("since") ?? "1970-01-01T00:00:00Z");
    const found = this.events
      .filter(({ receivedAt }) => START_MS + receivedAt * 1000 >= since)
      .filter(({ type = "v1/cards" }) => type === (query.get("type") ?? type))
      .toSorted((one, other) => other.receivedAt - one.receivedAt);
    const from = Number(query.get("cursor") ?? 0);
    const limit = Number(query.get("limit"));
    const data = found.slice(from, from + limit).map((event) => this.#summary(event));
    return { body: { data, next_cursor: from + limit < found.length ? String(from + limit) : null } };
  }

  #show(id: string): Answer {
    const found = this.events.find((event) => event.id === id);
    if (found === undefined) return { status: 404, body: { code: "not_found", detail: "There is no such event." } };
    const status = found.state === "settled" ? "delivered" : "pending";
    const attempts = Array.from({ length: found.answers ?? 0 }, (_, index) => ({
      attempt: index + 1,
      at: at(found.receivedAt),
      status: 500,
      outcome: "rejected",
      duration_ms: 1,
      response_excerpt: null,
    }));
    const deliveries =
      found.state === "unmatched" ? [] : [{ destination_id: "d1", status, next_attempt_at: null, attempts }];
    return { body: { ...this.#summary(found), payload: {}, deliveries } };
  }

  #summary({ id, receivedAt, state = "pending", type = "v1/cards" }: Recorded): object {
    return { ...exampleEvent, id, type, received_at: at(receivedAt), state };
  }
}

const nothing = () => undefined;

describe("tail", () => {
  it("shows events that arrive from now on, oldest first, and their outcome", async () => {
    const relay = new PlayedRelay();
    relay.record("before", 0, { state: "settled" });
    const shown = await relay.tail([
      nothing,
      () => [relay.record("one", 10), relay.record("two", 11)],
      nothing,
      () => [relay.settle("two"), relay.record("three", 12, { state: "unmatched" })],
      () => relay.settle("one"),
      nothing,
    ]);
    expect(shown).toEqual([
      "one pending",
      "two pending",
      "three unmatched",
      "two → settled delivered",
      "three → unmatched",
      "one → settled delivered",
    ]);
  });

  it("begins at --since, with all pages", async () => {
    const relay = new PlayedRelay();
    for (let second = 0; second < 250; second += 1) relay.record(`e${second}`, second, { state: "settled" });
    expect(await relay.tail([nothing], { sinceMs: START_MS + 10_000 })).toEqual(
      Array.from({ length: 240 }, (_, index) => `e${index + 10} settled`),
    );
  });

  it("shows an event that is recorded after newer ones", async () => {
    const relay = new PlayedRelay();
    const shown = await relay.tail([
      () => relay.record("young", 100, { state: "settled" }),
      () => relay.record("late", 86, { state: "settled" }),
      nothing,
    ]);
    expect(shown.filter((line) => line.startsWith("late"))).toEqual(["late settled", "late → settled delivered"]);
  });

  it("shows an event that is recorded minutes late, within half a minute", async () => {
    const relay = new PlayedRelay();
    const steps = Array.from({ length: 30 }, () => nothing);
    const shown = await relay.tail([
      () => relay.record("young", 900, { state: "settled" }),
      () => relay.record("late", 1, { state: "settled" }),
      ...steps,
    ]);
    expect(shown).toContain("late settled");
  });

  it.each([
    ["as if it were new", nothing, nothing],
    [
      "when the relay comes back",
      (relay: PlayedRelay) => (relay.isAway = true),
      (relay: PlayedRelay) => (relay.isAway = false),
    ],
  ])("never shows what came before --since, %s", async (_when, before, after) => {
    const relay = new PlayedRelay();
    relay.record("old", 0, { state: "settled" });
    const shown = await relay.tail(
      [
        nothing,
        () => relay.record("new", 130, { state: "settled" }),
        () => before(relay),
        () => [after(relay), relay.record("late", 121, { state: "settled" })],
        ...Array.from({ length: 30 }, () => nothing),
      ],
      { sinceMs: START_MS + 120_000 },
    );
    expect(shown.filter((line) => !line.includes("→"))).toEqual(["new settled", "late settled"]);
  });

  it("never shows events from before it began, also of a type without recent events", async () => {
    const relay = new PlayedRelay();
    relay.record("old", 0, { state: "settled", type: "v1/transfers" });
    relay.record("recent", 400, { state: "settled", type: "v1/transfers" });
    relay.record("other", 1_000, { state: "settled" });
    const steps = Array.from({ length: 31 }, () => nothing);
    expect(await relay.tail(steps, { type: "v1/transfers" })).toEqual([]);
    relay.record("quiet", 5_000, { state: "settled" });
    expect(await relay.tail(steps, { type: "v1/transfers" })).toEqual([]);
  });

  it("shows the outcome of an event that was pending for longer than the lists go back", async () => {
    const relay = new PlayedRelay();
    const shown = await relay.tail([
      () => relay.record("slow", 0),
      () => relay.record("young", 3_600, { state: "unmatched" }),
      nothing,
      () => relay.settle("slow"),
    ]);
    expect(shown.at(-1)).toBe("slow → settled delivered");
  });

  it("shows the answers so far once when an event stays pending, and then its outcome", async () => {
    const relay = new PlayedRelay();
    const ill = () => relay.events.find(({ id }) => id === "ill");
    const steps = Array.from({ length: 12 }, () => nothing);
    const shown = await relay.tail([
      () => [relay.record("quick", 0, { answers: 1 }), relay.record("ill", 1, { answers: 1 })],
      () => relay.settle("quick"),
      ...steps,
      () => relay.record("young", 3_600, { state: "unmatched" }),
      ...steps,
      () => Object.assign(ill() ?? {}, { answers: 2, state: "settled" }),
      nothing,
    ]);
    expect(shown.filter((line) => line.startsWith("ill"))).toEqual([
      "ill pending",
      "ill … pending 500",
      "ill → settled delivered",
    ]);
    expect(shown.filter((line) => line.startsWith("quick"))).toEqual(["quick pending", "quick → settled delivered"]);
  });

  it("shows no answers before a destination has answered, and reads the event no more often than that", async () => {
    const relay = new PlayedRelay();
    const steps = Array.from({ length: 11 }, () => nothing);
    const shown = await relay.tail([
      () => relay.record("slow", 0),
      ...steps,
      () => Object.assign(relay.events[0] ?? {}, { answers: 1 }),
      ...steps,
    ]);
    expect(shown).toEqual(["slow pending", "slow … pending 500"]);
    expect(relay.asked.filter(({ path }) => path.endsWith("/slow"))).toHaveLength(3);
  });

  it("begins with the answers of the events that were received first when more are due than a round reads", async () => {
    const relay = new PlayedRelay();
    const record = () => {
      for (let second = 0; second < 23; second += 1) relay.record(`e${second}`, second, { answers: 1 });
      relay.record("newest", 100);
    };
    const shown = await relay.tail([record, ...Array.from({ length: 6 }, () => nothing)]);
    const first = [0, 1, 2, 3, 4].map((second) => `e${second} … pending 500`);
    expect(shown.filter((line) => line.includes("…")).slice(0, 5)).toEqual(first);
  });

  it("stops reading an event that is deleted", async () => {
    const relay = new PlayedRelay();
    await relay.tail([
      () => relay.record("gone", 0),
      () => relay.record("young", 3_600, { state: "unmatched" }),
      () => relay.events.splice(0, 1),
      nothing,
      nothing,
    ]);
    expect(relay.asked.filter(({ path }) => path.endsWith("/gone"))).toHaveLength(1);
  });

  it("misses no event while the relay is away, and says once that it is", async () => {
    const relay = new PlayedRelay();
    const shown = await relay.tail([
      () => relay.record("one", 0, { state: "unmatched" }),
      () => [(relay.isAway = true), relay.record("two", 1, { state: "unmatched" })],
      nothing,
      () => relay.record("three", 600, { state: "unmatched" }),
      () => (relay.isAway = false),
      nothing,
    ]);
    expect(shown.filter((line) => !line.includes("→"))).toEqual(["one unmatched", "two unmatched", "three unmatched"]);
    expect(relay.notes).toEqual([
      "Events are shown as they arrive.",
      expect.stringContaining("Trying again until it answers."),
      "The relay answers again.",
    ]);
  });

  it("ends when the relay refuses the token", async () => {
    const relay = new PlayedRelay();
    relay.status = 401;
    await expect(relay.tail([nothing, () => (relay.isAway = true), nothing])).rejects.toThrow("Away (401");
  });
});
