import type { Report } from "../report.ts";

/** A part of the benchmark. It starts and stops what it needs. */
export type Section = (run: Run) => Promise<Report>;

interface Run {
  /** A smoke run: everything runs, the figures mean little. */
  readonly isShort: boolean;
  /** Shows progress at the terminal. */
  readonly say: (what: string) => void;
}
