// @ts-check
// Installs what package-lock.json names, unless it is there. Runs on whatever Node the machine has, without a package.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";

if (!isInstalled()) {
  // Not on standard output: what the script prints may be read by another program.
  console.error("Installing the dependencies …");
  // Whatever npm is configured to leave out. Of the install scripts one alone is needed: it fetches the project's Node.
  await npm("install", "--no-save", "--include=dev", "--include=optional", "--ignore-scripts");
  await npm("rebuild", "node", "--ignore-scripts=false");
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

async function npm(/** @type {string[]} */ ...command) {
  const parent = process.ppid;
  const child = spawn("npm", [...command, "--loglevel=error"], { stdio: ["inherit", 2, "inherit"] });
  // A signal to the npm above ends the shell in between, and nothing below that.
  const endWithParent = setInterval(() => process.ppid === parent || child.kill(), 200);
  const [code] = await once(child, "exit");
  clearInterval(endWithParent);
  if (code === 0) return;
  console.error("The dependencies could not be installed; npm says why above. Nothing was started.");
  process.exit(code ?? 1);
}
