import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import esbuild, { type Plugin } from "esbuild";
import { assetsAsText } from "../../src/local/local-worker.ts";
import { type DeliberateFault, applyFault } from "./deliberate-faults/deliberate-fault.ts";
import type * as relay from "./relay.ts";

export type RelayModule = typeof relay;

const root = path.join(import.meta.dirname, "../..");

/** Isolates come and go: the router that is made soonest, not the one that matches soonest. */
const quickRouter: Plugin = {
  name: "quick-router",
  setup: (build) =>
    build.onResolve({ filter: /^hono$/ }, ({ resolveDir, kind }) => build.resolve("hono/quick", { resolveDir, kind })),
};

function withFault(fault: DeliberateFault): Plugin {
  const faultyFile = path.join(root, fault.file);
  return {
    name: "deliberate-fault",
    setup: (build) =>
      build.onLoad({ filter: /\.ts$/ }, ({ path: file }) =>
        file === faultyFile ? { contents: applyFault(fault, readFileSync(file, "utf8")), loader: "ts" } : null,
      ),
  };
}

/**
 * The Worker's source as one module of JavaScript that Node runs, with the runtime's globals stood in for; with a
 * deliberate fault, if one is given. What the Worker loads later is in it and takes microtasks only: no step of a history
 * waits for a file.
 */
export async function buildRelay(fault: DeliberateFault | null = null): Promise<string> {
  const { outputFiles } = await esbuild.build({
    entryPoints: [path.join(import.meta.dirname, "relay.ts")],
    tsconfig: path.join(root, "tsconfig.json"),
    inject: [path.join(import.meta.dirname, "stand-ins.ts")],
    bundle: true,
    write: false,
    format: "esm",
    platform: "node",
    target: "esnext",
    sourcemap: "inline",
    sourcesContent: false,
    logLevel: "error",
    plugins: [assetsAsText, quickRouter, ...(fault === null ? [] : [withFault(fault)])],
  });
  const [file] = outputFiles;
  if (file === undefined) throw new Error("Nothing was built");
  return file.text;
}

export async function importRelay(code: string): Promise<RelayModule> {
  const directory = mkdtempSync(path.join(os.tmpdir(), "qonto-relay-simulation-"));
  try {
    const file = path.join(directory, "relay.mjs");
    writeFileSync(file, code);
    return (await import(pathToFileURL(file).href)) as RelayModule;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
