import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import { NaiveRelay } from "./naive-relay.ts";
import { type Scenario, forget, idle, keep, play } from "./scenarios.ts";
import { type Usage, noUsage } from "./usage.ts";

/**
 * What a hundred events may use, in batches of ten. Rows written are the bill, and D1 calls the delay: a change that makes
 * one of these figures larger needs a reason.
 */
const EVENTS = 100;

interface Budget extends Scenario {
  readonly naiveRows: number;
  /** What waits at the same moment is recorded by one D1 call and sent in one message: of ten events at once that makes two. */
  readonly budget: Partial<Usage>;
  /** Of each event. */
  readonly logEvents?: number;
}

const budgets: Readonly<Record<string, Budget>> = {
  "one destination": {
    destinations: 1,
    oneFailsOf: 0,
    oneRepeatedOf: 0,
    naiveRows: 6,
    budget: { databaseCalls: 40, rowsWritten: 400, queueOperations: 60, consumerInvocations: 10, requests: 100 },
  },
  "one destination, thin traffic": {
    destinations: 1,
    oneFailsOf: 0,
    oneRepeatedOf: 0,
    isThin: true,
    naiveRows: 6,
    budget: { databaseCalls: 300, rowsWritten: 400, queueOperations: 300, consumerInvocations: 100, requests: 100 },
    logEvents: 2,
  },
  "three destinations": {
    destinations: 3,
    oneFailsOf: 0,
    oneRepeatedOf: 0,
    naiveRows: 12,
    budget: { databaseCalls: 40, rowsWritten: 400, queueOperations: 60, consumerInvocations: 10, requests: 100 },
  },
  "one destination, one in 20 fails once": {
    destinations: 1,
    oneFailsOf: 20,
    oneRepeatedOf: 0,
    naiveRows: 6.1,
    budget: { databaseCalls: 55, rowsWritten: 430, queueOperations: 75, consumerInvocations: 15, requests: 100 },
  },
  "three destinations, one in 20 fails once": {
    destinations: 3,
    oneFailsOf: 20,
    oneRepeatedOf: 0,
    naiveRows: 12.3,
    budget: { databaseCalls: 85, rowsWritten: 500, queueOperations: 105, consumerInvocations: 25, requests: 100 },
  },
  "one destination, one in 10 comes twice": {
    destinations: 1,
    oneFailsOf: 0,
    oneRepeatedOf: 10,
    naiveRows: 6.3,
    budget: { databaseCalls: 50, rowsWritten: 420, queueOperations: 60, consumerInvocations: 10, requests: 110 },
  },
};

/** Of each event. */
const rowsReadBudget = 70;
const logEventsBudget = 1.25;

/** Rows written, for each event, to delete it after its retention. */
const deletionBudget = { "one destination": 1, "three destinations": 1 } as const;

/** Of an event of 1 KB with its deliveries and its resource, however many destinations have it. */
const BYTES_STORED = 2_400;
const STORED_EVENTS = 400;

/** In an hour in which nothing is received. */
const idleBudget = { rowsWritten: 30, databaseCalls: 990, queueOperations: 0, requests: 60 };

/** The naive design writes as many rows for each event, however many they are. */
const NAIVE_EVENTS = 20;

const LOST_EVENTS = 20;

const IDLE = "an hour without events";

const measured: Record<string, Usage> = {};

describe("the cost of events", () => {
  afterEach(() => void vi.restoreAllMocks());
  // Read by `npm run bench -- --only cost`.
  afterAll(() => console.log(`cost: ${JSON.stringify(measured)}`));

  it.each(Object.entries(budgets))(
    "is within the budget: %s",
    async (name, { budget, logEvents = logEventsBudget, ...scenario }) => {
      const usage = await play(scenario, EVENTS);
      expect(usage).toMatchObject(budget);
      expect(usage.rowsRead).toBeLessThanOrEqual(rowsReadBudget * EVENTS);
      expect(usage.logEvents).toBeLessThanOrEqual(logEvents * EVENTS);
      measured[name] = forEach(usage, EVENTS);
    },
  );

  it.each(Object.entries(budgets))(
    "stands beside what the naive design writes: %s",
    async (name, { naiveRows, ...scenario }) => {
      const usage = await play(scenario, NAIVE_EVENTS, () => new NaiveRelay());
      expect(usage.rowsWritten / NAIVE_EVENTS).toBe(naiveRows);
      measured[`${name}: naive`] = forEach(usage, NAIVE_EVENTS);
    },
  );

  it.each(["one destination", "three destinations"] as const)("ends with their deletion: %s", async (name) => {
    const scenario = budgets[name];
    const rowsWritten = scenario === undefined ? 0 : (await forget(scenario, LOST_EVENTS)) / LOST_EVENTS;
    expect(rowsWritten).toBe(deletionBudget[name]);
    measured[`${name}: deletion`] = { ...noUsage, rowsWritten };
  });

  it.each([
    ["one destination", 1],
    ["three destinations", 3],
    ["ten destinations", 10],
  ] as const)("is kept in few bytes: %s", async (name, destinations) => {
    const bytesStored = await keep(destinations, STORED_EVENTS);
    expect(bytesStored).toBeLessThanOrEqual(BYTES_STORED);
    expect(bytesStored).toBeGreaterThan(1_000);
    measured[`${name}: storage`] = { ...noUsage, bytesStored };
  });

  it("is small when there are none", async () => {
    const usage = await idle(60);
    expect(usage).toMatchObject(idleBudget);
    measured[IDLE] = usage;
  });
});

function forEach(usage: Usage, events: number): Usage {
  return Object.fromEntries(Object.entries(usage).map(([name, count]) => [name, count / events])) as unknown as Usage;
}
