// @ts-check
// Installs what package-lock.json names, unless it is there. Every script of package.json begins with it, on whatever Node
// the machine has: plain JavaScript for Node 20, without a package.

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";

if (!isInstalled()) {
  // Not on standard output: what the script prints may be read by another program.
  console.error("Installing the dependencies …");
  // Whatever npm is configured to leave out. Of the install scripts one alone is needed: it fetches the project's Node.
  npm("install", "--no-save", "--include=dev", "--include=optional", "--ignore-scripts");
  npm("rebuild", "node", "--ignore-scripts=false");
}

/** npm writes down what it has installed when all of it is. Optional packages are for other machines. */
function isInstalled() {
  const written = "node_modules/.package-lock.json";
  if (!existsSync(written) || !existsSync("node_modules/node/bin/node")) return false;
  const packagesIn = (/** @type {string} */ file) => JSON.parse(readFileSync(file, "utf8")).packages;
  const installed = packagesIn(written);
  return Object.entries(packagesIn("package-lock.json")).every(
    ([name, { version, optional }]) => name === "" || optional || installed[name]?.version === version,
  );
}

function npm(/** @type {string[]} */ ...command) {
  const { status } = spawnSync("npm", [...command, "--loglevel=error"], { stdio: ["inherit", 2, "inherit"] });
  if (status === 0) return;
  console.error("The dependencies could not be installed; npm says why above. Nothing was started.");
  process.exit(status ?? 1);
}
