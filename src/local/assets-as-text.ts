import { readFile } from "node:fs/promises";
import type { Plugin } from "esbuild";

/** What the console's pages load, as the rules of wrangler.toml say. */
export const assetsAsText: Plugin = {
  name: "assets-as-text",
  setup: (build) =>
    build.onLoad({ filter: /[/\\]assets[/\\].+\.(css|js|svg)$/ }, async ({ path: file }) => ({
      contents: await readFile(file, "utf8"),
      loader: "text",
    })),
};
