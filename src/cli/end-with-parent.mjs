// @ts-check
// Loaded into every process that the local server consists of: when its parent, or the parent's parent (npm stands behind
// a shell), is killed, however rudely, it ends as well, and with it the runtime and the port that the next start needs.

import { execFileSync } from "node:child_process";

const parent = process.ppid;
const grandparent = parentOf(parent);

setInterval(() => {
  if (process.ppid !== parent || !isAlive(grandparent)) process.kill(process.pid, "SIGTERM");
}, 500).unref();

/** Null where nothing tells. */
function parentOf(/** @type {number} */ pid) {
  try {
    return Number(execFileSync("ps", ["-o", "ppid=", "-p", String(pid)], { encoding: "utf8" })) || null;
  } catch {
    return null;
  }
}

function isAlive(/** @type {number | null} */ pid) {
  try {
    return pid === null || process.kill(pid, 0);
  } catch (error) {
    // Somebody else's process may not be signalled, but is there.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
