import os from "node:os";
import { openQuestions } from "./deploy/questions.ts";
import { runDeploy } from "./deploy/run-deploy.ts";
import { AGAIN } from "./deploy/steps.ts";
import { WranglerRuns } from "./deploy/wrangler-runs.ts";

/** `npm run deploy` as a process. */
const wrangler = new WranglerRuns();
const end = (signal: "SIGINT" | "SIGTERM" | "SIGHUP") => {
  process.stderr.write(`\nInterrupted. ${AGAIN}\n`);
  void wrangler.stop().finally(() => process.exit(128 + os.constants.signals[signal]));
};
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, end);
const { env, stdin, stdout, stderr } = process;
const questions = openQuestions(stdin, stdout, () => end("SIGINT"));
process.exitCode = await runDeploy(process.argv.slice(2), { env, stdout, stderr, wrangler, questions });
