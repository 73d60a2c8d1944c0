import { ChildProcess, spawn } from "node:child_process";
import { subscribe } from "node:diagnostics_channel";

/**
 * A runtime, workerd, outlives this process when it is killed, and keeps the port and the files of D1. So beside each
 * stands a shell that waits for the end of its input, which is the end of this process.
 */
subscribe("child_process", guardRuntime);

function guardRuntime(message: unknown): void {
  if (!(message instanceof Object && "process" in message && message.process instanceof ChildProcess)) return;
  const child = message.process;
  child.once("spawn", () => {
    if (!child.spawnfile.endsWith("workerd")) return;
    const guard = spawn("sh", ["-c", `read -r _; kill -9 ${child.pid}`], { stdio: ["pipe", "ignore", "ignore"] });
    child.once("exit", () => guard.kill());
  });
}
