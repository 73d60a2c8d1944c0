import { readFileSync, readdirSync } from "node:fs";

/** Processor time of a process with all its threads, in milliseconds; NaN where the system does not say. */
export function processorMs(pid: number | undefined): number {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    const nanoseconds = threads.map((thread) => Number(readSchedule(`/proc/${pid}/task/${thread}/schedstat`)));
    return nanoseconds.reduce((sum, one) => sum + one, 0) / 1e6;
  } catch {
    return Number.NaN;
  }
}

/** The first field is the time that the thread has run. A thread that has just ended has none. */
function readSchedule(file: string): string {
  try {
    return readFileSync(file, "utf8").split(" ", 1)[0] ?? "0";
  } catch {
    return "0";
  }
}
