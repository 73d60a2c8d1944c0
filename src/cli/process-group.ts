import { type ChildProcess, execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";

/**
 * wrangler runs as the leader of a process group of its own, for it does not take the runtime with it when it is killed:
 * its group is ended with it. Should whoever does that be killed as well, the runtime goes on with the state's files
 * open; so the group's number is kept beside them, and the next start ends what is left.
 */

const noteOf = (stateDirectory: string) => path.join(stateDirectory, "process-group");

/** Notes the group that works on a state directory from now on. */
export function noteGroup(stateDirectory: string, { pid }: ChildProcess): void {
  mkdirSync(stateDirectory, { recursive: true });
  writeFileSync(noteOf(stateDirectory), String(pid));
}

/** Ends what a server that was killed has left running on a state directory. */
export function endLeftovers(stateDirectory: string): void {
  const leader = readNote(noteOf(stateDirectory));
  if (leader === null) return;
  const members = runningIn(leader);
  if (members.some(({ pid }) => pid === leader)) return;
  // Numbers are used again: only a runtime is ours to end.
  if (members.some(({ command }) => command.includes("workerd"))) killGroup(leader);
  rmSync(noteOf(stateDirectory), { force: true });
}

export function killGroup(leader: number): void {
  try {
    process.kill(-leader, "SIGKILL");
  } catch {
    // Nobody is left in it.
  }
}

function readNote(file: string): number | null {
  try {
    return Number(readFileSync(file, "utf8")) || null;
  } catch {
    return null;
  }
}

/** Members of a process group, but for those that are dead and only wait to be noticed; none where nothing can tell. */
function runningIn(group: number): { pid: number; command: string }[] {
  return listProcesses().flatMap((line) => {
    const [, pid, pgid, state = "", command = ""] = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
    return Number(pgid) === group && !state.startsWith("Z") ? { pid: Number(pid), command } : [];
  });
}

function listProcesses(): string[] {
  try {
    return execFileSync("ps", ["-eo", "pid=,pgid=,stat=,args="], { encoding: "utf8" }).split("\n");
  } catch {
    return [];
  }
}
