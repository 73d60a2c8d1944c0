import { readFileSync, readdirSync } from "node:fs";

/** Milliseconds of a processor that a process has used, with all its threads; NaN where the system does not say. */
export function processorMs(pid: number | undefined): number {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    const nanoseconds = threads.map((thread) => Number(readSchedule(`/proc/${pid}/task/${thread}/schedstat`)));
    return nanoseconds.reduce((sum, one) => sum + one, 0) / 1e6;
  } catch {
    return Number.NaN;
  }
}

/** The first of its figures is the time that the thread has run; a thread that has just ended has none. */
function readSchedule(file: string): string {
  try {
    return readFileSync(file, "utf8").split(" ", 1)[0] ?? "0";
  } catch {
    return "0";
  }
}
