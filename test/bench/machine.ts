import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { root } from "./bundle.ts";

/** Where figures were taken, without which they say little. */
export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly node: string;
  readonly workerd: string;
  /** Work that others had for the machine in the minute before, in cores. */
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

/** The commit that is measured; `-changed` when the files are not quite that. */
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
