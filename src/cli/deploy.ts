import os from "node:os";
import { RUN_AGAIN } from "./deploy/context.ts";
import { questionsAt } from "./deploy/questions.ts";
import { runDeploy } from "./deploy/run-deploy.ts";
import { RealWrangler } from "./deploy/wrangler.ts";

/** `npm run deploy` as a process. */
const wrangler = new RealWrangler();
const end = (signal: "SIGINT" | "SIGTERM" | "SIGHUP") => {
  process.stderr.write(`\nInterrupted. ${RUN_AGAIN}\n`);
  void wrangler.stop().finally(() => process.exit(128 + os.constants.signals[signal]));
};
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, end);
const { env, stdin, stdout, stderr } = process;
const questions = stdin.isTTY && stdout.isTTY ? questionsAt(stdin, stdout, () => end("SIGINT")) : null;
process.exitCode = await runDeploy(process.argv.slice(2), { env, stdout, stderr, wrangler, questions });
