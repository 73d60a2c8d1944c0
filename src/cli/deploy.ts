import os from "node:os";
import { type Interface, createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { type Questions, RUN_AGAIN } from "./deploy/context.ts";
import { runDeploy } from "./deploy/run-deploy.ts";
import { RealWrangler } from "./deploy/wrangler.ts";
import { Fault } from "./fault.ts";

/** `npm run deploy` as a process. */
const wrangler = new RealWrangler();
const end = (signal: "SIGINT" | "SIGTERM" | "SIGHUP") => {
  process.stderr.write(`\nInterrupted. ${RUN_AGAIN}\n`);
  void wrangler.stop().finally(() => process.exit(128 + os.constants.signals[signal]));
};
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, end);
const { env, stdin, stdout, stderr } = process;
const questions = stdin.isTTY && stdout.isTTY ? questionsAt(stdin, stdout) : null;
process.exitCode = await runDeploy(process.argv.slice(2), { env, stdout, stderr, wrangler, questions });

function questionsAt(stdin: NodeJS.ReadStream, stdout: NodeJS.WriteStream): Questions {
  const ask = async (reader: Interface, question: string): Promise<string> => {
    const closed = new AbortController();
    reader.once("close", () => closed.abort());
    // While readline reads, Ctrl-C is no signal.
    reader.once("SIGINT", () => end("SIGINT"));
    try {
      return (await reader.question(question, { signal: closed.signal })).trim();
    } catch {
      throw new Fault("The question was not answered.");
    } finally {
      reader.close();
    }
  };
  return {
    ask: async (question) => ask(createInterface({ input: stdin, output: stdout }), question),
    askSecret: async (question) => {
      stdout.write(question);
      const nowhere = new Writable({ write: (_text, _encoding, done) => done() });
      try {
        return await ask(createInterface({ input: stdin, output: nowhere, terminal: true }), "");
      } finally {
        stdout.write("\n");
      }
    },
  };
}
