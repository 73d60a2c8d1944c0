import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { text } from "node:stream/consumers";
import { z } from "zod";
import { dollars, pricesOf } from "../../worker/budgets/price.ts";
import { root } from "../bundle.ts";
import { type Goal, type Table, figure } from "../report.ts";
import type { Section } from "./section.ts";

const usage = z.object({
  requests: z.number(),
  consumerInvocations: z.number(),
  databaseCalls: z.number(),
  rowsWritten: z.number(),
  rowsRead: z.number(),
  queueOperations: z.number(),
  logEvents: z.number(),
  bytesStored: z.number(),
});
const measured = z.record(z.string(), usage);

type Usage = z.output<typeof usage>;

const HOURS_OF_A_MONTH = 730;

/** The cost of a million events, from the counts of the budget test. */
export const cost: Section = async ({ say }) => {
  say("counting");
  const all = await countUsage();
  const idle = all["an hour without events"];
  const events = Object.entries(all).filter(([, { requests, bytesStored }]) => requests < 60 && bytesStored === 0);
  const table: Table = {
    title: `Dollars for a million events, at the prices of ${pricesOf}; and what is counted for each`,
    columns: ["", "dollars", "log", "rows written", "read", "queue operations", "D1 calls", "invocations"],
    rows: events.map(([name, one]) => [
      name,
      figure(dollars(withoutLog(one))),
      figure(dollars({ logEvents: one.logEvents })),
      figure(one.rowsWritten),
      figure(one.rowsRead),
      figure(one.queueOperations),
      figure(one.databaseCalls),
      figure(one.requests + one.consumerInvocations),
    ]),
  };
  const totals = ["one destination", "three destinations"].map((name) => totalOf(name, all));
  const sums: Table = {
    title:
      "A million events of 1 KB, kept for a month, in dollars; before: with a row for each delivery and wide tables",
    columns: ["", "events", "log", "deletion", "storage", "total", "before"],
    rows: totals.map(({ name, events: own, log, deletion, storage, total, before }) => [
      name,
      ...[own, log, deletion, storage, total, before].map(figure),
    ]),
  };
  return {
    tables: [table, sums],
    goals: [...goalsOf(all), ...totals.map(toGoal)],
    figures: Object.fromEntries(events.map(([name, one]) => [`${name}: dollars a million`, dollars(withoutLog(one))])),
    notes: [
      "The log is a bill of its own, and can be sampled. Processor time is not counted: $0.02 for each ms of an event.",
      ...(idle === undefined
        ? []
        : [`Beside it the cron, whatever comes: ${figure((dollars(idle) * HOURS_OF_A_MONTH) / 1e6)} dollars a month.`]),
    ],
  };
};

/** The earlier cost of a million, and the goal. */
const TOTALS: Readonly<Record<string, { readonly before: number; readonly most: number }>> = {
  "one destination": { before: 15.6, most: 10.5 },
  "three destinations": { before: 20, most: 11.5 },
};

function totalOf(name: string, all: Readonly<Record<string, Usage>>) {
  const own = all[name];
  const parts = {
    events: own === undefined ? Number.NaN : dollars(withoutLog(own)),
    log: dollars({ logEvents: own?.logEvents ?? Number.NaN }),
    deletion: dollars(all[`${name}: deletion`] ?? {}),
    storage: dollars(all[`${name}: storage`] ?? {}),
  };
  const total = parts.events + parts.log + parts.deletion + parts.storage;
  const { before = Number.NaN, most = Number.NaN } = TOTALS[name] ?? {};
  return { name, ...parts, total, before, most };
}

function toGoal({ name, total, most }: ReturnType<typeof totalOf>): Goal {
  return { goal: `≤ $${most} for a million, ${name}, all told`, measured: figure(total), isMet: total <= most };
}

function withoutLog(one: Usage): Usage {
  return { ...one, logEvents: 0 };
}

function goalsOf(all: Readonly<Record<string, Usage>>): Goal[] {
  const one = all["one destination"];
  const three = all["three destinations"];
  if (one === undefined || three === undefined) return [];
  const goal = (text: string, value: number, limit: number): Goal => ({
    goal: text,
    measured: figure(value),
    isMet: value <= limit,
  });
  return [
    goal("≤ 4 rows written for an event with one destination", one.rowsWritten, 4),
    goal("≤ 4 with three", three.rowsWritten, 4),
    goal("≤ 2,400 bytes kept of one", all["one destination: storage"]?.bytesStored ?? Number.NaN, 2_400),
    goal("≤ 2,400 with three", all["three destinations: storage"]?.bytesStored ?? Number.NaN, 2_400),
  ];
}

/** Runs the budget test, which prints its counts. */
async function countUsage(): Promise<Readonly<Record<string, Usage>>> {
  const vitest = path.join(root, "node_modules/vitest/vitest.mjs");
  const run = ["run", "--config", "test/vitest.config.ts", "--project", "worker", "--silent=false"];
  const child = spawn(process.execPath, [vitest, ...run, "test/worker/budgets/cost.test.ts"], {
    cwd: root,
    stdio: ["ignore", "pipe", "ignore"],
    env: { ...process.env, NO_COLOR: "1" },
  });
  const ended = once(child, "exit");
  const output = await text(child.stdout);
  const [code] = await ended;
  const line = output.split("\n").find((one) => one.startsWith("cost: "));
  if (line === undefined) throw new Error(`The budgets could not be counted:\n${output}`);
  if (code !== 0)
    console.error("  A budget is exceeded: npx vitest run … test/worker/budgets/cost.test.ts says which.");
  return measured.parse(JSON.parse(line.slice("cost: ".length)));
}
