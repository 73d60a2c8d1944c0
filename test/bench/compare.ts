import { z } from "zod";
import { type Table, figure } from "./report.ts";

const results = z.object({
  commit: z.string(),
  at: z.string(),
  machine: z.object({
    processor: z.string(),
    cores: z.number(),
    node: z.string(),
    workerd: z.string(),
    loadBefore: z.number(),
  }),
  figures: z.record(z.string(), z.number()),
});

/** A run's figures, as stored in a file. */
export type Results = z.output<typeof results>;

export function readResults(text: string): Results {
  return results.parse(JSON.parse(text));
}

/** The figures of both runs, and their ratios. */
export function compareResults(other: Results, mine: Results): Table {
  return {
    title: `${mine.commit} beside ${other.commit} (${other.machine.processor}, ${other.at})`,
    columns: ["figure", other.commit, mine.commit, "ratio"],
    rows: Object.entries(mine.figures).flatMap(([name, value]) => {
      const before = other.figures[name];
      return before === undefined ? [] : [[name, figure(before), figure(value), figure(value / before)]];
    }),
  };
}
