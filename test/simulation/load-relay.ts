import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import esbuild from "esbuild";
import type * as relay from "./relay.ts";

export type RelayModule = typeof relay;

const root = path.join(import.meta.dirname, "../..");

/** The Worker's source as one module of JavaScript that Node runs, with the runtime's globals stood in for. */
export async function buildRelay(): Promise<string> {
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
    plugins: [
      {
        name: "assets-as-text",
        setup: (plugin) =>
          plugin.onLoad({ filter: /[/\\]console[/\\]assets[/\\]/ }, ({ path: file }) => ({
            contents: readFileSync(file, "utf8"),
            loader: "text",
          })),
      },
    ],
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
