import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { root } from "./bundle.ts";

/** The machine that the figures come from. */
export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly node: string;
  readonly workerd: string;
  /** Load of the machine in the minute before, in cores. */
  readonly loadBefore: number;
}

export function describeMachine(): Machine {
  const workerd: { version: string } = JSON.parse(
    readFileSync(path.join(root, "node_modules/workerd/package.json"), "utf8"),
  );
  return {
    processor: os.cpus()[0]?.model.trim() ?? "unknown",
    cores: os.availableParallelism(),
    node: process.versions.node,
    workerd: workerd.version,
    loadBefore: os.loadavg()[0] ?? 0,
  };
}

/** The measured commit; `-changed` when files differ from it. */
export function describeCommit(): string {
  try {
    return execFileSync("git", ["describe", "--always", "--dirty=-changed", "--exclude=*"], {
      cwd: root,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  } catch {
    return "no-commit";
  }
}
