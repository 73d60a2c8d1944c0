import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";

const directories = new Set<string>();

/** On a signal Miniflare ends the runtimes, and then the process. The directories are removed last. */
process.on("exit", () => directories.forEach(removeDirectory));

export function temporaryDirectory(): string {
  const directory = mkdtempSync(path.join(os.tmpdir(), "qonto-relay-bench-"));
  directories.add(directory);
  return directory;
}

export function removeDirectory(directory: string): void {
  rmSync(directory, { recursive: true, force: true });
  directories.delete(directory);
}
