import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";

/**
 * The two faults of other gateways that are about the project itself; the others are in ../faults-of-others. That npm start
 * then serves is shown by ../end-to-end/start.test.ts.
 */

const root = fileURLToPath(new URL("../../../", import.meta.url));
const read = (file: string) => readFileSync(path.join(root, file), "utf8");
const readme = read("README.md");
const { scripts, dependencies, devDependencies } = JSON.parse(read("package.json"));

const all = (text: string, pattern: RegExp) => Array.from(text.matchAll(pattern), ([, found = ""]) => found);

describe("15: installation works at the first command", () => {
  const directories: string[] = [];
  afterEach(() => directories.splice(0).forEach((directory) => rmSync(directory, { recursive: true, force: true })));

  /** Runs a program in a fresh clone, with this in npm's place. */
  function runInFreshClone(npm: string) {
    const clone = mkdtempSync(path.join(os.tmpdir(), "qonto-relay-clone-"));
    directories.push(clone);
    for (const file of ["src/cli", "package.json", "package-lock.json"]) {
      cpSync(path.join(root, file), path.join(clone, file), { recursive: true });
    }
    writeFileSync(path.join(clone, "npm.cjs"), npm);
    writeFileSync(path.join(clone, "program.mjs"), "console.log('runs on', process.version, process.argv.slice(2));");
    const { npm_lifecycle_event: _, ...environment } = process.env;
    return spawnSync(process.execPath, ["src/cli/run.mjs", "program.mjs", "--option"], {
      cwd: clone,
      env: { ...environment, npm_execpath: path.join(clone, "npm.cjs") },
      encoding: "utf8",
    });
  }

  it("in a clone without any package: it installs, and goes on with the project's own Node", () => {
    const modules = path.join(root, "node_modules");
    const npm = `require("node:fs").symlinkSync(${JSON.stringify(modules)}, "node_modules"); console.log(process.argv[2]);`;
    const { status, stdout, stderr } = runInFreshClone(npm);
    const version = execFileSync(path.join(modules, "node/bin/node"), ["--version"], { encoding: "utf8" }).trim();
    expect(stderr).toBe("Installing the dependencies …\ninstall\n");
    expect(stdout).toBe(`runs on ${version} [ '--option' ]\n`);
    expect(status).toBe(0);
  });

  it("or it says what has failed, and starts nothing", () => {
    const { status, stdout, stderr } = runInFreshClone("process.exit(7);");
    expect(stderr).toBe(
      "Installing the dependencies …\nThe dependencies could not be installed; npm says why above. Nothing was started.\n",
    );
    expect(stdout).not.toContain("runs on");
    expect(status).toBe(7);
  });

  it("every package is pinned, to what the lock file has", () => {
    const { packages } = JSON.parse(read("package-lock.json"));
    const pins = Object.entries<string>({ ...dependencies, ...devDependencies });
    expect(pins.length).toBeGreaterThan(10);
    expect(packages[""]).toMatchObject({ dependencies, devDependencies });
    for (const [name, pin] of pins) expect(packages[`node_modules/${name}`]?.version, name).toBe(pin.split("@").at(-1));
  });

  it("every command that the README gives is there, and installs before it needs a package", () => {
    const commands = all(readme, /\bnpm (?:run )?([\w-]+)/g).filter((word) => word !== "and");
    expect(new Set(commands)).toEqual(
      new Set(["start", "demo", "chaos", "test", "bench", "deploy", "qonto", "simulate"]),
    );
    for (const command of commands) {
      expect(scripts[command], command).toMatch(/^node src\/cli\/run\.mjs\b/);
      for (const file of all(scripts[command], /((?:src|test)\/[\w./-]+)/g))
        expect(existsSync(path.join(root, file))).toBe(true);
    }
    // What runs before anything is installed.
    for (const file of ["src/cli/run.mjs", "src/cli/end-with-parent.mjs"]) {
      expect(all(read(file), /(?:from|import\()\s*"([^"]+)"/g).filter((name) => !/^(node:|\.\/)/.test(name))).toEqual(
        [],
      );
    }
  });

  it("the example of variables sets every secret that is required", () => {
    const required = all(readme, /^\| `([A-Z_]+)` +\| secret +\|/gm);
    expect(required.length).toBeGreaterThan(0);
    expect(all(read(".dev.vars.example"), /^(\w+)=.+$/gm)).toEqual(expect.arrayContaining(required));
  });
});

describe("17: what the README promises is there", () => {
  const [, promises = ""] = /^## What it promises$(.*?)^##/ms.exec(readme) ?? [];
  const rows = promises.split("\n").filter((line) => /^\| (?!promise |-)/.test(line));

  it("every promise names tests, which exist and are run", () => {
    expect(rows.length).toBeGreaterThan(10);
    for (const row of rows) {
      const tests = all(row.split("|").at(-2) ?? "", /\]\(([^)]+)\)/g);
      expect(tests.length, row).toBeGreaterThan(0);
      for (const test of tests) {
        expect(test).toMatch(/^test\/[\w./-]+\.test\.ts$/);
        expect(read(test), test).toMatch(/^\s*(it|fc)\b/m);
      }
    }
  });

  it("every variable that the README names is read, and every one that is read is named", () => {
    const named = all(readme, /^\| `([A-Z_]+)`/gm);
    const declared = all(
      /export interface Env \{(.*?)^\}/ms.exec(read("src/env.ts"))?.[1] ?? "",
      /readonly ([A-Z_]+)\?: string/g,
    );
    expect(named.toSorted()).toEqual(declared.toSorted());
  });
});
