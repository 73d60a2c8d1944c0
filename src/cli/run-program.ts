import { type Command, CommanderError } from "commander";
import { Fault } from "./fault.ts";
import { clearProgress, printable } from "./output.ts";
import { withoutSecrets } from "./secrets.ts";

const SIGINT_EXIT_CODE = 130;

/** Settles what holds for every command: before the commands are added, for they take it over. */
export function prepareProgram(program: Command): Command {
  return program
    .option("--json", "one JSON document on stdout instead of text")
    .option("--no-color", "no colours (nor with NO_COLOR, nor where there is no terminal)")
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ outputError: (text, write) => write(withoutValues(text)) })
    .showHelpAfterError("(add --help to see how it is used)")
    .exitOverride();
}

/** Runs the command that the arguments name, and gives its end the right exit code and its errors one sentence. */
export async function runProgram(program: Command, programArguments: readonly string[]): Promise<void> {
  process.on("SIGINT", () => {
    clearProgress();
    process.exit(SIGINT_EXIT_CODE);
  });
  for (const stream of [process.stdout, process.stderr]) stream.on("error", endQuietly);
  try {
    await program.parseAsync(programArguments, { from: "user" });
  } catch (error) {
    process.exitCode = report(error);
  }
}

/** Whoever read has read enough, as `head` does. */
function endQuietly(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE") throw error;
  process.exit();
}

function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  const known = error instanceof Fault ? error : new Fault(`Unexpected: ${String(error)}`);
  const lines = [known.message, ...(known.remedy === undefined ? [] : [known.remedy])];
  clearProgress();
  process.stderr.write(`${withoutSecrets(lines.map(printable).join("\n"))}\n`);
  return known.exitCode;
}

/** What was written in the wrong place may be a secret. */
function withoutValues(text: string): string {
  return withoutSecrets(text)
    .replace(/(unknown option '[^'=]*)=[^']*'/, "$1'")
    .replace(/(but got \d+): .*/s, "$1.\n");
}
