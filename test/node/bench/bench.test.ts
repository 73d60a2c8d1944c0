import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { root } from "../../bench/bundle.ts";
import { compareResults, readResults } from "../../bench/compare.ts";
import { OptionError, readOptions } from "../../bench/options.ts";

let directory = "";
beforeEach(() => void (directory = mkdtempSync(path.join(os.tmpdir(), "qonto-relay-bench-test-"))));
afterEach(() => {
  for (const pid of processes()) process.kill(pid, "SIGKILL");
  rmSync(directory, { recursive: true, force: true });
});

/** What counts the budgets is a test of its own. */
const sections = ["ack", "end-to-end", "faults", "overload", "strangers", "drain", "cold-start", "scale"];

function bench(...options: string[]): ChildProcess {
  return spawn("npm", ["run", "bench", "--", "--short", "--json", path.join(directory, "figures.json"), ...options], {
    cwd: root,
    env: { ...process.env, TMPDIR: directory },
    stdio: ["ignore", "pipe", "pipe"],
    // A process group, as a terminal makes one for each command.
    detached: true,
  });
}

/** Whatever the benchmark has started: the environment that it has from it tells. */
function processes(program = ""): number[] {
  const all = execFileSync("ps", ["-eo", "pid=,args=", "e", "ww"], { encoding: "utf8" }).split("\n");
  return all
    .filter((line) => line.includes(`TMPDIR=${directory}`) && line.includes(program))
    .map((line) => Number.parseInt(line, 10));
}

const leftovers = () => readdirSync(directory).filter((name) => name.startsWith("qonto-relay"));

describe("npm run bench", () => {
  it("prints its tables, keeps its figures, and leaves nothing behind", { timeout: 300_000 }, async () => {
    const child = bench(...sections.flatMap((section) => ["--only", section]));
    const textOf = async (stream: Readable | null) => (stream === null ? "" : text(stream));
    const [output, progress, [code]] = await Promise.all([
      textOf(child.stdout),
      textOf(child.stderr),
      once(child, "exit"),
    ]);
    expect(code, progress.slice(-2_000)).toBe(0);
    for (const title of [
      "as a multiple of the reference's",
      "first arrival at a destination",
      "Deliveries a second",
      "Acknowledgement while a store is ill",
      "Twice the load",
      "beside strangers at full speed",
      "Waiting events, drained",
      "From the start of a process",
      "With so many events recorded",
    ]) {
      expect(output).toContain(title);
    }
    const results = readResults(readFileSync(path.join(directory, "figures.json"), "utf8"));
    expect(Object.keys(results.figures).length).toBeGreaterThan(20);
    expect(results.figures["overload · lost"]).toBe(0);
    expect(results.figures["strangers · 1 MB, header with 8 v1: D1 calls each"]).toBe(0);
    expect(results.figures["drain · 5 ms: missing"]).toBe(0);
    expect(compareResults(results, results).rows.every(([, one, other]) => one === other)).toBe(true);
    expect(leftovers()).toEqual([]);
    expect(processes()).toEqual([]);
  });

  it("leaves nothing behind when it is interrupted", async () => {
    const child = bench("--only", "ack");
    child.stderr?.resume();
    child.stdout?.resume();
    await vi.waitUntil(() => processes("workerd").length >= 3, { timeout: 60_000, interval: 200 });
    if (child.pid !== undefined) process.kill(-child.pid, "SIGINT");
    await vi.waitUntil(() => processes().length === 0, { timeout: 30_000, interval: 200 });
    expect(leftovers()).toEqual([]);
  });
});

describe("the options of the benchmark", () => {
  it("choose sections, in the order in which they are run", () => {
    expect(readOptions(["--only", "cost", "--only", "ack"])?.sections).toEqual(["ack", "cost"]);
    expect(readOptions([])?.sections).toHaveLength(9);
  });

  it("are refused unless they are understood, and explained", () => {
    expect(() => readOptions(["--only", "speed"])).toThrow(OptionError);
    expect(() => readOptions(["--loud"])).toThrow(OptionError);
    expect(readOptions(["--help"])).toBeNull();
  });
});
