import path from "node:path";
import { fileURLToPath } from "node:url";
import esbuild from "esbuild";
import type { V4WorkerOptions } from "miniflare";
import { unstable_getMiniflareWorkerOptions, unstable_readConfig } from "wrangler";
import { z } from "zod";
import { assetsAsText } from "./assets-as-text.ts";
import "./end-runtime.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

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

/**
 * What wrangler.toml says of the Worker, for a runtime on this machine. Requests reach the runtime's own socket: there is
 * no development server in between that could answer in the Worker's place. Without a port nobody reaches it.
 */
export function workerOptions(script: string, port?: number): V4WorkerOptions {
  const config = readWranglerToml();
  const vars = variablesOf(config);
  // The rules are for modules that are not bundled.
  const { modulesRules: _, ...options } = unstable_getMiniflareWorkerOptions(config).workerOptions;
  // Of the addresses of localhost, a machine has this one also with IPv6 switched off.
  const unsafeDirectSockets = port === undefined ? [] : [{ host: "127.0.0.1", port }];
  // `cf` would be looked up on the internet.
  return { ...options, name: "relay", modules: true, script, bindings: vars, unsafeDirectSockets, cf: false };
}

/** The variables under `[vars]` in wrangler.toml. */
export function wranglerVariables(): Readonly<Record<string, string>> {
  return variablesOf(readWranglerToml());
}

function readWranglerToml() {
  // Else wrangler says that it has read .dev.vars, which does not count here.
  process.env["WRANGLER_LOG"] ??= "error";
  return unstable_readConfig({ config: path.join(root, "wrangler.toml") }, { hideWarnings: true });
}

function variablesOf(config: object): Record<string, string> {
  const text = z.union([z.string(), z.number(), z.boolean()]).transform(String);
  return z.object({ vars: z.record(z.string(), text) }).parse(config).vars;
}
