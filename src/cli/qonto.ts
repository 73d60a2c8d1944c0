import { fileURLToPath } from "node:url";
import { run } from "./command-line.ts";

/** `npm run qonto -- …`: the operator's command line as a process. */
const ctrlC = new AbortController();
process.once("SIGINT", () => ctrlC.abort());

const { env, stdin, stdout, stderr } = process;
process.exitCode = await run(process.argv.slice(2), {
  env,
  stdin,
  stdout,
  stderr,
  workingDirectory: process.cwd(),
  directory: fileURLToPath(new URL("../../", import.meta.url)),
  interrupt: ctrlC.signal,
});
// An interrupted run does not wait for pending calls.
if (ctrlC.signal.aborted) process.exit();
