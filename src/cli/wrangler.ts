import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const wrangler = path.join(root, "node_modules", "wrangler", "bin", "wrangler.js");

const ENDS_WITHIN_MS = 8_000;

/** Starts the pinned wrangler. Nobody is asked anything: it has no terminal. */
export function startWrangler(
  wranglerArguments: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): ChildProcess {
  return spawn(process.execPath, [wrangler, ...wranglerArguments], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
    // The leader of a process group of its own.
    detached: true,
    env: {
      ...process.env,
      // Without them a start without internet shows a stack trace, and one with it asks for telemetry.
      CLOUDFLARE_CF_FETCH_ENABLED: "false",
      WRANGLER_SEND_METRICS: "false",
      ...environment,
    },
  });
}

/** What it prints from now on. */
export function collect(child: ChildProcess): string[] {
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (text) => output.push(String(text)));
  return output;
}

export async function endWrangler(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill("SIGTERM");
  const late = await Promise.race([exit.then(() => false), wait(ENDS_WITHIN_MS, true, { ref: false })]);
  if (late) child.kill("SIGKILL");
  await exit;
}

/** It does not take with it what it has started. */
export function killGroup(leader: number): void {
  try {
    process.kill(-leader, "SIGKILL");
  } catch {
    // Nobody is left in it.
  }
}
