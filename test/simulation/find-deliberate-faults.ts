import { deliberateFaults } from "./deliberate-faults.ts";
import type { DeliberateFault } from "./deliberate-faults/deliberate-fault.ts";
import { buildRelay } from "./load-relay.ts";
import type { Options } from "./options.ts";
import { PlayerThread } from "./player-thread.ts";

/** Builds the relay with one deliberate fault after another, and says which seed finds each. */
export async function findDeliberateFaults(options: Options): Promise<boolean> {
  const faults = deliberateFaults.filter(({ title }) => title.includes(options.only));
  if (faults.length === 0) throw new Error(`No deliberate fault has "${options.only}" in its title`);
  const waiting = faults.toReversed();
  let found = 0;
  const work = async () => {
    for (let fault = waiting.pop(); fault !== undefined; fault = waiting.pop()) {
      const violation = await find(fault, options);
      if (violation === null) {
        console.log(`not found in ${options.seeds} seeds: ${fault.title} (${fault.file})`);
        continue;
      }
      found += 1;
      const [what] = violation.message.split("\n", 1);
      console.log(`seed ${violation.seed}: ${fault.title}\n  ${what}`);
    }
  };
  await Promise.all(Array.from({ length: Math.min(options.threads, faults.length) }, work));
  console.log(`${found} of ${faults.length} deliberate faults found.`);
  return found === faults.length;
}

async function find(fault: DeliberateFault, { from, seeds }: Options) {
  const thread = await PlayerThread.start(await buildRelay(fault));
  const report = await thread.play({ from, until: from + seeds, stopsAtViolation: true });
  await thread.end();
  return report.violations[0] ?? null;
}
