import type { Report } from "../report.ts";

/** A part of the benchmark, which starts what it needs and stops it. */
export type Section = (run: Run) => Promise<Report>;

interface Run {
  /** A smoke run: everything happens, no figure means much. */
  readonly isShort: boolean;
  /** Tells the person at the terminal what goes on. */
  readonly say: (what: string) => void;
}
