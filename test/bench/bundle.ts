import { readFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import esbuild from "esbuild";

export const root = fileURLToPath(new URL("../../", import.meta.url));

const bundles = new Map<string, Promise<string>>();

/** A Worker as one module, as `wrangler deploy` makes it. */
export function bundle(entry: string): Promise<string> {
  const made = bundles.get(entry) ?? build(entry);
  bundles.set(entry, made);
  return made;
}

async function build(entry: string): Promise<string> {
  const { outputFiles } = await esbuild.build({
    entryPoints: [path.join(root, entry)],
    tsconfig: path.join(root, "tsconfig.json"),
    bundle: true,
    write: false,
    minify: true,
    format: "esm",
    target: "esnext",
    conditions: ["workerd", "worker", "browser"],
    logLevel: "error",
    plugins: [
      {
        // What the console's pages load, as the rules of wrangler.toml say.
        name: "assets-as-text",
        setup: (plugin) =>
          plugin.onLoad({ filter: /[/\\]assets[/\\].+\.(css|js|svg)$/ }, async ({ path: file }) => ({
            contents: await readFile(file, "utf8"),
            loader: "text",
          })),
      },
    ],
  });
  const [file] = outputFiles;
  if (file === undefined) throw new Error(`Nothing was built of ${entry}`);
  return file.text;
}
