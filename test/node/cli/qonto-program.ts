import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("../../../src/cli/qonto.ts", import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `npm run qonto -- …` in an environment of its own; tests wait for what it says, and for its end. */
export class QontoProgram {
  readonly process: ChildProcessWithoutNullStreams;
  stdout = "";
  stderr = "";
  readonly ended: Promise<Ended>;

  constructor(programArguments: readonly string[], environment: Readonly<Record<string, string>> = {}, input = "") {
    const inherited = Object.fromEntries(
      Object.entries(process.env).filter(
        ([name]) => !/^(QONTO_|RELAY_URL|ADMIN_TOKEN|INIT_CWD|FORCE_COLOR)/.test(name),
      ),
    );
    this.process = spawn(process.execPath, [program, ...programArguments], { env: { ...inherited, ...environment } });
    this.process.stdout.on("data", (text) => (this.stdout += String(text)));
    this.process.stderr.on("data", (text) => (this.stderr += String(text)));
    this.process.stdin.on("error", () => undefined).end(input);
    this.ended = once(this.process, "close").then(([code]) => ({ code, stdout: this.stdout, stderr: this.stderr }));
  }

  /** Waits until it has said something. */
  async says(text: string | RegExp, where: "stdout" | "stderr" = "stdout"): Promise<void> {
    const isSaid = () => (typeof text === "string" ? this[where].includes(text) : text.test(this[where]));
    while (!isSaid()) {
      const end = await Promise.race([once(this.process[where], "data").then(() => null), this.ended]);
      if (end !== null && !isSaid())
        throw new Error(`It ended without saying ${String(text)}:\n${end.stdout}${end.stderr}`);
    }
  }
}

/** Runs a command to its end. */
export function qonto(
  commandLine: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  input = "",
): Promise<Ended> {
  return new QontoProgram(commandLine, environment, input).ended;
}
