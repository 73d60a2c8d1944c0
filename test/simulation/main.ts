import { findDeliberateFaults } from "./find-deliberate-faults.ts";
import { playHistory } from "./history.ts";
import { buildRelay, importRelay } from "./load-relay.ts";
import { type Options, readOptions, usage } from "./options.ts";
import type { Order, Violation } from "./player.ts";
import { PlayerThread } from "./player-thread.ts";
import { SqliteDatabase } from "./sqlite-database.ts";

/** Seeds that a thread is given at once. */
const CHUNK = 25;

const MOST_SHOWN = 10;

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
  const code = await buildRelay();
  const startedAt = performance.now();
  const violations: Violation[] = [];
  const end = from + seeds;
  let next = from;
  let played = 0;
  let steps = 0;
  let cpuMs = 0;
  const takeOrder = (): Order | null => {
    if (next >= end || performance.now() - startedAt > withinMs) return null;
    const order = { from: next, until: Math.min(next + CHUNK, end), stopsAtViolation: false };
    next = order.until;
    return order;
  };
  const work = async () => {
    const thread = await PlayerThread.start(code);
    for (let order = takeOrder(); order !== null; order = takeOrder()) {
      const report = await thread.play(order);
      played += report.played;
      steps += report.steps;
      cpuMs += report.cpuMs;
      for (const violation of report.violations) say(violation, violations.push(violation));
    }
    await thread.end();
  };
  await Promise.all(Array.from({ length: Math.min(threads, Math.ceil(seeds / CHUNK)) }, work));
  if (played === 0) throw new Error("No history was played in time");
  const seconds = (performance.now() - startedAt) / 1000;
  console.log(
    `${played} histories of ${Math.round(steps / played)} steps and ${(cpuMs / played).toFixed(1)} ms of processor time, ` +
      `in ${seconds.toFixed(1)} s, seeds ${from} to ${next - 1}: ` +
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

const modes: Readonly<Record<Options["does"], (options: Options) => Promise<boolean>>> = {
  play,
  trace,
  "find-deliberate-faults": findDeliberateFaults,
};

const options = tryReadOptions();
if (options === null) console.log(usage);
else if (!(await modes[options.does](options))) process.exitCode = 1;

function tryReadOptions(): Options | null {
  try {
    return readOptions();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    console.error(`${error.message}\n\n${usage}`);
    return process.exit(2);
  }
}
