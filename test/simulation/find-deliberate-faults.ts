import { deliberateFaults } from "./deliberate-faults.ts";
import type { DeliberateFault } from "./deliberate-faults/deliberate-fault.ts";
import { buildRelay } from "./load-relay.ts";
import type { Options } from "./options.ts";
import type { Violation } from "./player.ts";
import { PlayerThread } from "./player-thread.ts";

/** Seeds that a fault has in common with the relay as it is: what these break says nothing of the fault. */
const MOST_IN_COMMON = 20;

/** Builds the relay with one deliberate fault after another, and says which seed finds each. */
export async function findDeliberateFaults(options: Options): Promise<boolean> {
  const sound = await buildRelay();
  const faults = deliberateFaults.filter(({ title }) => title.includes(options.only));
  if (faults.length === 0) throw new Error(`No deliberate fault has "${options.only}" in its title`);
  const waiting = faults.toReversed();
  let found = 0;
  const work = async () => {
    for (let fault = waiting.pop(); fault !== undefined; fault = waiting.pop()) {
      const violation = await find(fault, sound, options);
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

/** The first violation that the relay without the fault, `sound`, does not commit as well. */
async function find(fault: DeliberateFault, sound: string, { from, seeds }: Options): Promise<Violation | null> {
  const faulty = await PlayerThread.start(await buildRelay(fault));
  const witness = await PlayerThread.start(sound);
  try {
    for (let next = from, tries = 0; tries < MOST_IN_COMMON; tries += 1) {
      const [violation] = (await faulty.play({ from: next, until: from + seeds, stopsAtViolation: true })).violations;
      if (violation === undefined) return null;
      next = violation.seed + 1;
      const { violations } = await witness.play({ from: violation.seed, until: next, stopsAtViolation: true });
      if (violations.length === 0) return violation;
    }
    return null;
  } finally {
    await faulty.end();
    await witness.end();
  }
}
