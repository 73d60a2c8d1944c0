import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { root } from "./bundle.ts";
import { type Results, compareResults, readResults } from "./compare.ts";
import { describeCommit, describeMachine } from "./machine.ts";
import { OptionError, type Options, type SectionName, readOptions, usage } from "./options.ts";
import { printReport, printTable } from "./report.ts";
import { acknowledgement } from "./sections/acknowledgement.ts";
import { coldStart } from "./sections/cold-start.ts";
import { cost } from "./sections/cost.ts";
import { drain } from "./sections/drain.ts";
import { endToEnd } from "./sections/end-to-end.ts";
import { faults } from "./sections/faults.ts";
import { overload } from "./sections/overload.ts";
import { scale } from "./sections/scale.ts";
import type { Section } from "./sections/section.ts";
import { strangers } from "./sections/strangers.ts";

/** `npm run bench`: how fast the relay is, and what it costs. `npm run bench -- --help` names the options. */

const sections: Record<SectionName, Section> = {
  ack: acknowledgement,
  "end-to-end": endToEnd,
  faults,
  overload,
  strangers,
  drain,
  "cold-start": coldStart,
  scale,
  cost,
};

async function bench({ sections: names, isShort, json, compare }: Options): Promise<void> {
  const startedAt = Date.now();
  const other = compare === null ? null : readResults(readFileSync(compare, "utf8"));
  const machine = describeMachine();
  const { processor, cores, node, workerd, loadBefore } = machine;
  console.log(
    `${processor}, ${cores} cores · Node ${node} · workerd ${workerd} · load before ${loadBefore.toFixed(1)}`,
  );

  const figures: Record<string, number> = {};
  for (const name of names) {
    const say = (what: string) => console.error(`  … ${name}: ${what}`);
    const sectionStartedAt = Date.now();
    const report = await sections[name]({ isShort, say });
    say(`took ${Math.round((Date.now() - sectionStartedAt) / 1000)} s`);
    printReport(report);
    for (const [figure, value] of Object.entries(report.figures)) figures[`${name} · ${figure}`] = value;
  }

  const results: Results = { commit: describeCommit(), at: new Date(startedAt).toISOString(), machine, figures };
  if (other !== null) printTable(compareResults(other, results));
  const file = path.resolve(json ?? path.join(root, ".wrangler", "bench", `${results.commit}.json`));
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`);
  console.log(`\n${Math.round((Date.now() - startedAt) / 1000)} s · figures in ${path.relative(process.cwd(), file)}`);
}

try {
  const options = readOptions(process.argv.slice(2));
  if (options === null) console.log(usage);
  else await bench(options);
} catch (error) {
  console.error(error instanceof OptionError ? `${error.message}\n\n${usage}` : error);
  process.exitCode = 1;
}
