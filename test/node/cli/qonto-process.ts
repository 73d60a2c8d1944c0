import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const program = "src/cli/qonto.ts";

interface Spawned {
  readonly process: ChildProcessWithoutNullStreams;
  readonly ended: Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>;
}

/** The command line as a process: for what only a process can show. */
export function spawnQonto(
  commandLine: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  command: readonly [string, ...string[]] = [process.execPath, program],
): Spawned {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(QONTO_|RELAY_URL|ADMIN_TOKEN|INIT_CWD|FORCE_COLOR)/.test(name),
  );
  const [file, ...before] = command;
  const child = spawn(file, [...before, ...commandLine], {
    cwd: root,
    env: { ...Object.fromEntries(inherited), ...environment },
  });
  const said = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) child[name].on("data", (text) => (said[name] += String(text)));
  return { process: child, ended: once(child, "close").then(([code]) => ({ code, ...said })) };
}
