import { ChildProcess, spawn } from "node:child_process";
import { subscribe } from "node:diagnostics_channel";
import { readFile } from "node:fs/promises";
import path from "node:path";
import esbuild, { type Plugin } from "esbuild";
import type { V4WorkerOptions } from "miniflare";
import { z } from "zod";

export const root = path.join(import.meta.dirname, "../..");

/** Imports the console's assets as text, as the rules of wrangler.toml do. */
export const assetsAsText: Plugin = {
  name: "assets-as-text",
  setup: (build) =>
    build.onLoad({ filter: /[/\\]assets[/\\].+\.(css|js|svg)$/ }, async ({ path: file }) => ({
      contents: await readFile(file, "utf8"),
      loader: "text",
    })),
};

/** A Worker as one module, as `wrangler deploy` makes it. */
export async function bundleWorker(entry: string): Promise<string> {
  const { outputFiles } = await esbuild.build({
    entryPoints: [path.join(root, entry)],
    bundle: true,
    write: false,
    format: "esm",
    conditions: ["workerd", "worker", "browser"],
    logLevel: "silent",
    plugins: [assetsAsText],
  });
  return outputFiles.map(({ text }) => text).join("");
}

/** Options of a local runtime, from wrangler.toml. Requests go straight to its socket. Without a port it has none. */
export async function workerOptions(script: string, port?: number): Promise<V4WorkerOptions> {
  const { vars, worker } = await readWranglerToml();
  // The rules are for modules that are not bundled.
  const { modulesRules: _, ...options } = worker;
  // `localhost` is 127.0.0.1 on every machine, also without IPv6.
  const unsafeDirectSockets = port === undefined ? [] : [{ host: "127.0.0.1", port }];
  // Miniflare looks `cf` up on the internet.
  return { ...options, name: "relay", modules: true, script, bindings: vars, unsafeDirectSockets, cf: false };
}

const text = z.union([z.string(), z.number(), z.boolean()]).transform(String);
const configuration = z.object({ vars: z.record(z.string(), text) });

/** `vars`: the variables under `[vars]`. */
export async function readWranglerToml() {
  // Otherwise wrangler says that it has read .dev.vars, which does not count here.
  process.env["WRANGLER_LOG"] ??= "error";
  // Takes a second to load: only what serves a Worker needs it.
  const { unstable_getMiniflareWorkerOptions, unstable_readConfig } = await import("wrangler");
  const config = unstable_readConfig({ config: path.join(root, "wrangler.toml") }, { hideWarnings: true });
  const { vars } = configuration.parse(config);
  return { vars, worker: unstable_getMiniflareWorkerOptions(config).workerOptions };
}

/** Kills a process, or with a negative id a process group, as soon as this process ends, however it ends. */
export function killAtEnd(id: number): { readonly cancel: () => void } {
  // The shell's input ends with this process. In a group of its own no Ctrl-C ends the shell before its trap is set.
  const script = `trap '' INT TERM HUP; read -r _; kill -9 ${id}`;
  const shell = spawn("sh", ["-c", script], { stdio: ["pipe", "ignore", "ignore"], detached: true });
  return { cancel: () => shell.kill("SIGKILL") };
}

// A runtime (workerd) outlives a killed process, and keeps the port and D1's files.
subscribe("child_process", (message) => {
  if (!(message instanceof Object && "process" in message && message.process instanceof ChildProcess)) return;
  const child = message.process;
  child.once("spawn", () => {
    if (!child.spawnfile.endsWith("workerd") || child.pid === undefined) return;
    const { cancel } = killAtEnd(child.pid);
    child.once("exit", cancel);
  });
});
