import { once } from "node:events";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { playHistory } from "./history.ts";
import { buildRelay, importRelay } from "./load-relay.ts";
import type { Order, Report, Violation } from "./player.ts";
import { SqliteDatabase } from "./sqlite-database.ts";

const usage = `npm run simulation [-- --seeds N] [--from S] [--within SECONDS] [--trace]

Plays N histories of the whole Worker under faults, each decided by its seed, from seed S on, and checks after every step
that nothing acknowledged is lost and every other promise is kept.

  --seeds N         how many (500)
  --from S          the first seed (1)
  --within SECONDS  begin no further ones after so long
  --threads N       how many at once (one for each core)
  --trace           print all that happens`;

/** Seeds that a thread is given at once. */
const CHUNK = 25;

const MOST_SHOWN = 10;

interface Options {
  readonly seeds: number;
  readonly from: number;
  readonly withinMs: number;
  readonly threads: number;
  readonly trace: boolean;
}

function readOptions(): Options | null {
  const { values } = parseArgs({
    options: {
      seeds: { type: "string", default: "500" },
      from: { type: "string", default: "1" },
      within: { type: "string" },
      threads: { type: "string", default: String(os.availableParallelism()) },
      trace: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return null;
  return {
    seeds: readNumber("--seeds", values.seeds),
    from: readNumber("--from", values.from),
    withinMs: values.within === undefined ? Number.POSITIVE_INFINITY : readNumber("--within", values.within) * 1000,
    threads: readNumber("--threads", values.threads),
    trace: values.trace,
  };
}

function readNumber(name: string, text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1)
    throw new TypeError(`${name} takes a whole number from 1, not "${text}"`);
  return number;
}

/** Plays one after another here, and prints what happens in them. */
async function trace({ from, seeds }: Options): Promise<boolean> {
  const relay = await importRelay(await buildRelay());
  const db = new SqliteDatabase();
  let isWell = true;
  for (let seed = from; seed < from + seeds; seed += 1) {
    console.log(`Seed ${seed}`);
    const { violation } = await playHistory(relay, db, seed, (line) => console.log(line));
    if (violation !== null) console.log(violation);
    isWell &&= violation === null;
  }
  return isWell;
}

async function play({ from, seeds, withinMs, threads }: Options): Promise<boolean> {
  const startedAt = performance.now();
  const code = await buildRelay();
  const violations: Violation[] = [];
  const end = from + seeds;
  let next = from;
  let played = 0;
  let steps = 0;
  const takeOrder = (): Order | null => {
    if (next >= end || performance.now() - startedAt > withinMs) return null;
    const order = { from: next, until: Math.min(next + CHUNK, end) };
    next = order.until;
    return order;
  };
  const work = async () => {
    const worker = new Worker(path.join(import.meta.dirname, "player.ts"), { workerData: code });
    await once(worker, "message");
    for (let order = takeOrder(); order !== null; order = takeOrder()) {
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
      worker.postMessage(order);
      const [report] = (await once(worker, "message")) as [Report];
      played += report.played;
      steps += report.steps;
      for (const violation of report.violations) say(violation, violations.push(violation));
    }
    await worker.terminate();
  };
  await Promise.all(Array.from({ length: Math.min(threads, Math.ceil(seeds / CHUNK)) }, work));
  const seconds = (performance.now() - startedAt) / 1000;
  console.log(
    `${played} histories of ${Math.round(steps / played)} steps in ${seconds.toFixed(1)} s, seeds ${from} to ${next - 1}: ` +
      (violations.length === 0 ? "every promise was kept." : `${violations.length} broke a promise.`),
  );
  return violations.length === 0;
}

function say({ seed, message }: Violation, many: number): void {
  if (many > MOST_SHOWN) return;
  console.log(
    `Seed ${seed}: ${message}\n  again, with all that happens: npm run simulation -- --seeds 1 --from ${seed} --trace\n`,
  );
}

try {
  const options = readOptions();
  if (options === null) console.log(usage);
  else if (!(await (options.trace ? trace(options) : play(options)))) process.exitCode = 1;
} catch (error) {
  if (!(error instanceof TypeError)) throw error;
  console.error(`${error.message}\n\n${usage}`);
  process.exitCode = 2;
}
