// @ts-check
// Runs a program of this project on the project's own Node, after installing what is missing. It is itself run by
// whatever Node the machine has, so it is plain JavaScript for Node 20 and needs no package.
//
//   node src/cli/run.mjs [program] [arguments]

import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const modules = path.join(root, "node_modules");
const projectNode = path.join(modules, "node", "bin", process.platform === "win32" ? "node.exe" : "node");

// Under npm there is a shell between npm and this process, and it outlives an npm that is killed.
if (process.env["npm_lifecycle_event"] !== undefined) await import("./end-with-parent.mjs");

const runtime = path.join(
  modules,
  "@cloudflare",
  `workerd-${process.platform.replace("win32", "windows")}-${process.arch.replace("x64", "64")}`,
);

const [program, ...programArguments] = process.argv.slice(2);

if (!isInstalled()) {
  // What the program is asked for may be read by another: standard output is its alone.
  console.error("Installing the dependencies …");
  // Not `npm ci`: it demands of the lock file the binaries of every platform, also those that a registry does not carry.
  await install();
  // For the same reason the lock file may not know this platform's runtime; then the versions in package.json decide.
  if (!existsSync(runtime)) await install("--no-package-lock");
}

if (program !== undefined) {
  const file = path.resolve(root, program);
  if (process.execPath === projectNode) {
    process.argv = [process.execPath, file, ...programArguments];
    await import(pathToFileURL(file).href);
  } else {
    process.exit(await runToEnd(projectNode, [file, ...programArguments]));
  }
}

/** Whether what npm wrote down as installed is what package.json pins. An install that was cut short writes nothing down. */
function isInstalled() {
  const lockFile = path.join(modules, ".package-lock.json");
  if (![lockFile, projectNode, runtime].every((file) => existsSync(file))) return false;
  const installed = readJson(lockFile).packages;
  const { dependencies, devDependencies } = readJson(path.join(root, "package.json"));
  return Object.entries({ ...dependencies, ...devDependencies }).every(
    // An alias is pinned as npm:name@version.
    ([name, pin]) => installed[`node_modules/${name}`]?.version === pin.split("@").at(-1),
  );
}

async function install(/** @type {string[]} */ ...options) {
  const [npmProgram, npmArguments] = npm(
    "install",
    "--no-save",
    "--loglevel=error",
    "--no-audit",
    "--no-fund",
    ...options,
  );
  const code = await runToEnd(npmProgram, npmArguments, ["inherit", 2, "inherit"]);
  if (code === 0) return;
  console.error("The dependencies could not be installed; npm says why above. Nothing was started.");
  process.exit(code);
}

function readJson(/** @type {string} */ file) {
  return JSON.parse(readFileSync(file, "utf8"));
}

/** @returns {[string, string[]]} The npm that runs this script, or the one on the path. */
function npm(/** @type {string[]} */ ...npmArguments) {
  const npmProgram = process.env["npm_execpath"];
  return npmProgram === undefined ? ["npm", npmArguments] : [process.execPath, [npmProgram, ...npmArguments]];
}

/** Runs a command to its end, handing signals on; resolves with its exit code. */
async function runToEnd(
  /** @type {string} */ command,
  /** @type {string[]} */ commandArguments,
  /** @type {import("node:child_process").StdioOptions} */ stdio = "inherit",
) {
  const child = spawn(command, commandArguments, { cwd: root, stdio });
  const handOn = (/** @type {NodeJS.Signals} */ signal) => child.kill(signal);
  process.on("SIGINT", handOn).on("SIGTERM", handOn);
  const code = await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (exitCode) => resolve(exitCode ?? 1));
  });
  process.off("SIGINT", handOn).off("SIGTERM", handOn);
  return code;
}
