import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../../", import.meta.url));

/** What a clone does not have. The copy uses this project's packages. */
const notCloned = ["node_modules", ".git", ".wrangler", ".dev.vars"];

const READY_WITHIN_MS = 60_000;

/** A fresh copy of the project, and what a user does with it: `npm start`, signals, `kill -9`. */
export class LocalRelay {
  readonly directory = mkdtempSync(path.join(os.tmpdir(), "qonto-relay-test-"));
  readonly port: number;
  output = "";
  #npm: ChildProcess | undefined;

  constructor(port: number) {
    this.port = port;
    cpSync(root, this.directory, {
      recursive: true,
      filter: (file) => !notCloned.includes(path.relative(root, file)),
    });
    symlinkSync(path.join(root, "node_modules"), path.join(this.directory, "node_modules"));
    mkdirSync(this.#temporary);
  }

  /** The runtime that is killed cannot remove what it has made: so it makes it where everything is removed. */
  get #temporary(): string {
    return this.path(".wrangler-temporary");
  }

  get url(): string {
    return `http://localhost:${this.port}`;
  }

  path(name: string): string {
    return path.join(this.directory, name);
  }

  /** `npm start`, or another script that serves, up to the line that says it is ready, or to its end. */
  async start(script = "start"): Promise<void> {
    this.output = "";
    const npm = this.#npmRun(script, this.port);
    this.#npm = npm;
    const ready = new Promise<void>((resolve) => {
      for (const stream of [npm.stdout, npm.stderr]) {
        stream.on("data", (printed: Buffer) => {
          this.output += printed.toString();
          if (this.output.includes("is ready on")) resolve();
        });
      }
    });
    const late = wait(READY_WITHIN_MS, undefined, { ref: false }).then(() => {
      throw new Error(`Not ready in time:\n${this.output}`);
    });
    await Promise.race([ready, once(npm, "exit"), late]);
  }

  /** `npm start` beside the one that runs, on another port; to its end. */
  async startBeside(port: number): Promise<{ code: unknown; output: string }> {
    const npm = this.#npmRun("start", port);
    const [output, [code]] = await Promise.all([text(npm.stderr), once(npm, "exit")]);
    return { code, output };
  }

  #npmRun(script: string, port: number) {
    return spawn("npm", ["run", script], {
      cwd: this.directory,
      env: { ...process.env, PORT: String(port), STARTED_BY_TEST: this.directory, TMPDIR: this.#temporary },
      stdio: ["ignore", "pipe", "pipe"],
      // A process group, as a terminal makes one for each command.
      detached: true,
    });
  }

  get exitCode(): number | null | undefined {
    return this.#npm?.exitCode;
  }

  /** Signals npm alone, as a process manager does. */
  signal(signal: NodeJS.Signals): void {
    this.#npm?.kill(signal);
  }

  /** Ctrl-C: the terminal signals the whole group. */
  interrupt(): void {
    if (this.#npm?.pid !== undefined) process.kill(-this.#npm.pid, "SIGINT");
  }

  /** Ends processes of this relay at once, as a machine that loses its power. */
  killAll(processes = this.processes()): void {
    for (const pid of processes) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It went with another.
      }
    }
  }

  /**
   * Processes that npm has started, whatever their parents are by now: the environment they have from it tells. Of all, or
   * of those that a command line begins.
   */
  processes(commandLine = ""): number[] {
    const all = execFileSync("ps", ["-eo", "pid=,args=", "e", "ww"], { encoding: "utf8" }).split("\n");
    return all
      .filter((line) => line.includes(this.directory) && line.replace(/^\s*\d+ /, "").startsWith(commandLine))
      .map((line) => Number.parseInt(line, 10));
  }

  /** Waits until none of them is left. */
  async gone(limitMs: number): Promise<boolean> {
    for (let waitedMs = 0; waitedMs < limitMs; waitedMs += 200) {
      if (this.processes().length === 0) return true;
      await wait(200);
    }
    return false;
  }

  /** Kills until nothing is left, also of what was being started meanwhile, and removes the copy. */
  async end(): Promise<void> {
    for (let round = 0; round < 25 && this.processes().length > 0; round += 1) {
      this.killAll();
      await wait(200);
    }
    this.remove();
  }

  remove(): void {
    this.killAll();
    if (existsSync(this.directory)) rmSync(this.directory, { recursive: true, force: true });
  }
}
