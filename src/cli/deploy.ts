import os from "node:os";
import { runDeploy } from "./deploy/run-deploy.ts";
import { WranglerRuns } from "./deploy/wrangler-runs.ts";

/** `npm run deploy` as a process. */
const wrangler = new WranglerRuns();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => void wrangler.stop().finally(() => process.exit(128 + os.constants.signals[signal])));
}
const { env, stdout, stderr } = process;
process.exitCode = await runDeploy(process.argv.slice(2), { env, stdout, stderr, wrangler });
