import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";

/**
 * A fault of other gateways that is about the project itself. ../document/documents.test.ts has the other one, and
 * ../../worker/faults-of-others the rest. That npm start then serves is shown by ../end-to-end/start.test.ts.
 */

const root = fileURLToPath(new URL("../../../", import.meta.url));
const read = (file: string) => readFileSync(path.join(root, file), "utf8");
const readme = read("README.md");
const { scripts, dependencies, devDependencies } = JSON.parse(read("package.json"));

const all = (text: string, pattern: RegExp) => Array.from(text.matchAll(pattern), ([, found = ""]) => found);

describe("15: installation works at the first command", () => {
  const directories: string[] = [];
  afterEach(() => directories.splice(0).forEach((directory) => rmSync(directory, { recursive: true, force: true })));

  /** A fresh clone, on a machine whose Node says that it is not the project's, and whose npm does as the text says. */
  class Clone {
    readonly #directory = mkdtempSync(path.join(os.tmpdir(), "qonto-relay-clone-"));

    constructor(npm: string, lock = read("package-lock.json")) {
      directories.push(this.#directory);
      this.write("src/local/install.mjs", read("src/local/install.mjs"));
      this.write("package-lock.json", lock);
      this.write("program.mjs", "console.log(process.env.MACHINE ?? 'the project', process.argv.slice(2));");
      this.write("machine/node", `#!/bin/sh\nMACHINE=machine exec "${process.execPath}" "$@"\n`);
      this.write("machine/npm", `#!${process.execPath}\nconst [command, ...options] = process.argv.slice(2);\n${npm}`);
    }

    write(name: string, text: string) {
      mkdirSync(path.dirname(path.join(this.#directory, name)), { recursive: true });
      writeFileSync(path.join(this.#directory, name), text, { mode: 0o755 });
    }

    /** `npm run qonto -- --option`, as npm runs it; what it runs is program.mjs. */
    run(environment: Record<string, string> = {}) {
      const script = `${scripts["qonto"].replace("src/cli/qonto.ts", "program.mjs")} --option`;
      const onPath = ["node_modules/.bin", "machine"].map((name) => path.join(this.#directory, name));
      return spawnSync("sh", ["-c", script], {
        cwd: this.#directory,
        env: { ...environment, PATH: [...onPath, "/usr/bin", "/bin"].join(":") },
        encoding: "utf8",
      });
    }
  }

  const modules = path.join(root, "node_modules");
  const installs = `
    console.log(command, options.join(" "));
    if (command === "install") require("node:fs").symlinkSync(${JSON.stringify(modules)}, "node_modules");`;

  it("in a clone without any package: it installs, and goes on with the project's own Node", () => {
    const { status, stdout, stderr } = new Clone(installs).run();
    // Also where npm is told to leave out what is for development, or to run no install script.
    expect(stderr.split("\n")).toEqual([
      "Installing the dependencies …",
      "install --no-save --include=dev --include=optional --ignore-scripts --loglevel=error",
      "rebuild node --ignore-scripts=false --loglevel=error",
      "",
    ]);
    expect(stdout).toBe("the project [ '--option' ]\n");
    expect(status).toBe(0);
  });

  it("or it says what has failed, and starts nothing", () => {
    const { status, stdout, stderr } = new Clone("process.exit(7);").run();
    expect(stderr).toBe(
      "Installing the dependencies …\nThe dependencies could not be installed; npm says why above. Nothing was started.\n",
    );
    expect(stdout).toBe("");
    expect(status).toBe(7);
  });

  const versions = (one: string, optional: string) =>
    JSON.stringify({
      packages: { "node_modules/one": { version: one }, "node_modules/other": { version: optional, optional: true } },
    });

  it.each([
    ["nothing when what the lock file names is there", versions("1.0.0", "1.0.0"), true, ""],
    ["nothing for what is optional: it may be for another machine", versions("1.0.0", "2.0.0"), true, ""],
    ["what the lock file names in another version", versions("2.0.0", "1.0.0"), true, "install rebuild "],
    ["the project's Node when its install script was not run", versions("1.0.0", "1.0.0"), false, "install rebuild "],
  ])("it installs %s", (_title, lock, hasNode, commands) => {
    const clone = new Clone('process.stdout.write(command + " ");', lock);
    clone.write("node_modules/.package-lock.json", versions("1.0.0", "1.0.0"));
    if (hasNode) clone.write("node_modules/node/bin/node", "");
    expect(clone.run().stderr.replace("Installing the dependencies …\n", "")).toBe(commands);
  });

  it("the lock file has the binaries of every machine that they are made for", () => {
    const { packages }: { packages: Record<string, { optionalDependencies?: object }> } = JSON.parse(
      read("package-lock.json"),
    );
    const optional = Object.values(packages).flatMap(({ optionalDependencies = {} }) =>
      Object.keys(optionalDependencies),
    );
    expect(optional.length).toBeGreaterThan(50);
    expect(optional.filter((name) => !(`node_modules/${name}` in packages))).toEqual([]);
  });

  it("every package is pinned, to what the lock file has", () => {
    const { packages } = JSON.parse(read("package-lock.json"));
    const pins = Object.entries<string>({ ...dependencies, ...devDependencies });
    expect(pins.length).toBeGreaterThan(10);
    expect(packages[""]).toMatchObject({ dependencies, devDependencies });
    for (const [name, pin] of pins) expect(packages[`node_modules/${name}`]?.version, name).toBe(pin.split("@").at(-1));
  });

  it("every command that the README gives installs before it needs a package", () => {
    const commands = all(readme, /\bnpm (?:run )?([\w-]+)/g).filter((word) => Object.hasOwn(scripts, word));
    expect(commands).toEqual(expect.arrayContaining(["start", "demo", "deploy", "qonto"]));
    for (const command of [...commands, "test", "bench", "chaos", "simulation", "qonto-server"])
      expect(scripts[command], command).toMatch(/^node src\/local\/install\.mjs && /);
    for (const command of Object.keys(scripts))
      for (const file of all(scripts[command], /((?:src|test)\/[\w./-]+)/g))
        expect(existsSync(path.join(root, file)), file).toBe(true);
    // It runs before anything is installed.
    const imported = all(read("src/local/install.mjs"), /(?:from|import\()\s*"([^"]+)"/g);
    expect(imported.filter((name) => !name.startsWith("node:"))).toEqual([]);
  });

  it("the example of variables names every secret that is required, and gives no values: a deploy would offer them", () => {
    const required = all(readme, /^\| `([A-Z_]+)` +\| secret +\|/gm);
    expect(required.length).toBeGreaterThan(0);
    expect(all(read(".dev.vars.example"), /^(\w+)=$/gm)).toEqual(expect.arrayContaining(required));
    const lines = read(".dev.vars.example").split("\n");
    expect(lines.filter((line) => line !== "" && !line.startsWith("#") && !/^[A-Z_]+=$/.test(line))).toEqual([]);
    const local = all(read("src/local/start.ts"), /^([A-Z_]+)=local-/gm);
    expect(lines.map((line) => line.replace("=", ""))).toEqual(expect.arrayContaining(local));
  });
});
