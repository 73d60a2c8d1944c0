import { CommanderError } from "commander";
import { QontoCommand } from "./command.ts";
import { addDestinations } from "./commands/destinations/destinations.ts";
import { addDoctor } from "./commands/doctor/doctor.ts";
import { addEvents } from "./commands/events/events.ts";
import { addOnboarding } from "./commands/onboarding.ts";
import { addReconcile } from "./commands/reconcile/reconcile.ts";
import { addReplay } from "./commands/replay.ts";
import { addSend } from "./commands/send.ts";
import { addSubscriptions } from "./commands/subscriptions/subscriptions.ts";
import { addTail } from "./commands/tail/tail.ts";
import { addVerify } from "./commands/verify/verify.ts";
import { Fault } from "./fault.ts";
import { Invocation, type Surroundings } from "./invocation.ts";
import { printable } from "./output.ts";
import type { Stream, Terminal } from "./terminal.ts";

const SIGINT_EXIT_CODE = 130;

/** Runs the operator's command line; resolves with its exit code. When it is interrupted, pending calls are aborted. */
export async function run(commandArguments: readonly string[], surroundings: Surroundings): Promise<number> {
  const ending = new AbortController();
  const invocation = new Invocation(surroundings, ending.signal);
  try {
    return await Promise.race([
      toItsEnd(commandArguments, invocation),
      interrupted(surroundings.interrupt),
      ...[surroundings.stdout, surroundings.stderr].map(nobodyReads),
    ]);
  } finally {
    invocation.terminal.close();
    ending.abort();
  }
}

async function toItsEnd(commandArguments: readonly string[], invocation: Invocation): Promise<number> {
  try {
    await createProgram(invocation).parseAsync(commandArguments, { from: "user" });
    return invocation.exitCode;
  } catch (error) {
    return report(error, invocation.terminal);
  }
}

function createProgram(invocation: Invocation): QontoCommand {
  const { terminal } = invocation;
  // What holds for every command comes first, for the commands take it over as they are added.
  const program = new QontoCommand(invocation, "qonto")
    .usage("<command> [options]")
    .description("Sets up, watches and repairs what stands between Qonto and the destinations.")
    .option("--json", "one JSON document on stdout instead of text")
    .option("--no-color", "no colours (nor with NO_COLOR, nor where there is no terminal)")
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => terminal.print(text),
      writeErr: (text) => terminal.tell(text),
      outputError: (text, write) => write(withoutValues(text)),
      getOutHelpWidth: () => terminal.widths.stdout,
      getErrHelpWidth: () => terminal.widths.stderr,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .showHelpAfterError("(add --help to see how it is used)")
    .exitOverride();

  program.commandsGroup("Qonto:");
  addSubscriptions(program);
  addOnboarding(program);

  program.commandsGroup("Signatures:");
  addSend(program);
  addVerify(program);

  program.commandsGroup("The relay:");
  addDestinations(program);
  addEvents(program);
  addReplay(program);
  addReconcile(program);
  addTail(program);
  addDoctor(program);
  return program;
}

/** What was written in the wrong place may be a secret. */
function withoutValues(text: string): string {
  return text.replace(/(unknown option '[^'=]*)=[^']*'/, "$1'").replace(/(but got \d+): .*/s, "$1.\n");
}

/** Gives an error one sentence, and the right exit code. */
function report(error: unknown, terminal: Terminal): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  const known = error instanceof Fault ? error : new Fault(`Unexpected: ${String(error)}`);
  const lines = [known.message, ...(known.remedy === undefined ? [] : [known.remedy])];
  terminal.tell(`${lines.map(printable).join("\n")}\n`);
  return known.exitCode;
}

function interrupted(interrupt: AbortSignal): Promise<number> {
  return new Promise((resolve) => interrupt.addEventListener("abort", () => resolve(SIGINT_EXIT_CODE)));
}

/** The reader has gone, as `head` does: the run ends quietly. The listener stays, because a late write may still fail. */
function nobodyReads(stream: Stream): Promise<number> {
  return new Promise((resolve) => {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
      resolve(0);
    });
  });
}
