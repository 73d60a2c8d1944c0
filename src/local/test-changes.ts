import { type ChildProcess, spawn } from "node:child_process";
import { statSync, watch } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { killAtEnd, root } from "./local-worker.ts";

/** They take long, or start processes that outlive a test run that is ended. `npm test` runs them. */
const LEFT_OUT = [
  "test/browser/**",
  "test/node/bench/**",
  "test/node/end-to-end/**",
  "test/node/cli/deploy/{played,real}-wrangler.test.ts",
  "test/simulation/*.test.ts",
];

/** A save is several changes, a checkout hundreds. */
const QUIET_MS = 200;

/** Runs the tests that depend on changed files of src and test, until this process ends. */
export function testChanges(print: (line: string) => void): void {
  const changed = new Set<string>();
  let run: ChildProcess | undefined;
  let quiet: NodeJS.Timeout | undefined;

  const start = () => {
    const files = [...changed].filter(isFile);
    if (files.length === 0) return;
    print(`Changed: ${files.join(", ")}`);
    const child = startVitest(files);
    run = child;
    for (const stream of [child.stdout, child.stderr]) {
      createInterface(stream).on("line", (line) => void (line === "" || print(line)));
    }
    child.once("close", (code) => {
      // Tests that failed, or that a later change ended, run again with the next ones.
      if (run === child && code === 0) changed.clear();
    });
  };

  for (const directory of ["src", "test"]) {
    watch(path.join(root, directory), { recursive: true }, (_, name) => {
      if (name === null) return;
      endGroup(run);
      run = undefined;
      changed.add(path.join(directory, name));
      clearTimeout(quiet);
      quiet = setTimeout(start, QUIET_MS);
    }).on("error", (error) => print(String(error)));
  }
}

function startVitest(files: readonly string[]) {
  const program = path.join(root, "node_modules", "vitest", "vitest.mjs");
  const options = ["--run", "--config", "test/vitest.config.ts", "--passWithNoTests", "--reporter", "default"];
  const leftOut = LEFT_OUT.flatMap((pattern) => ["--exclude", pattern]);
  const color = process.stdout.isTTY ? { FORCE_COLOR: "1" } : {};
  const child = spawn(process.execPath, [program, "related", ...options, ...leftOut, ...files], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
    // A process group of its own, with the test workers and the runtime.
    detached: true,
    env: { ...process.env, ...color, WRANGLER_LOG: "error" },
  });
  if (child.pid !== undefined) {
    const { cancel } = killAtEnd(-child.pid);
    child.once("exit", cancel);
  }
  return child;
}

function endGroup(child: ChildProcess | undefined): void {
  if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  process.kill(-child.pid, "SIGKILL");
}

function isFile(file: string): boolean {
  return statSync(path.join(root, file), { throwIfNoEntry: false })?.isFile() === true;
}
