import { PassThrough } from "node:stream";
import { Command, CommanderError } from "commander";
import type { Definition } from "./command.ts";
import { connect, connectionCommands } from "./commands/connections.ts";
import { destinations } from "./commands/destinations.ts";
import { doctor } from "./commands/doctor/doctor.ts";
import { eventTypeCommands } from "./commands/event-types.ts";
import { events } from "./commands/events.ts";
import { onboarding } from "./commands/onboarding.ts";
import { reconcile } from "./commands/reconcile/reconcile.ts";
import { replay } from "./commands/replay.ts";
import { send } from "./commands/send.ts";
import { subscriptions } from "./commands/subscriptions.ts";
import { tail } from "./commands/tail/tail.ts";
import { tokens } from "./commands/tokens.ts";
import { verify } from "./commands/verify/verify.ts";
import { type Invocation, type Surroundings, beginInvocation } from "./context.ts";
import { Fault } from "./fault.ts";
import { printable } from "./output.ts";
import { faultOf } from "./qonto-fault.ts";
import type { Stream, Terminal } from "./terminal.ts";

const commands: Readonly<Record<string, readonly Definition[]>> = {
  "Qonto:": [connect, connectionCommands, subscriptions, onboarding],
  "Signatures:": [send, verify],
  "The relay:": [destinations, events, eventTypeCommands, replay, reconcile, tail, tokens, doctor],
};

const SIGINT_EXIT_CODE = 130;

/** Runs the operator's command line; resolves with its exit code. When it is interrupted, pending calls are aborted. */
export async function run(commandArguments: readonly string[], surroundings: Surroundings): Promise<number> {
  const ending = new AbortController();
  const invocation = beginInvocation(surroundings, ending.signal);
  try {
    return await Promise.race([
      completed(commandArguments, invocation),
      interrupted(surroundings.interrupt),
      ...[surroundings.stdout, surroundings.stderr].map(closedByReader),
    ]);
  } finally {
    invocation.terminal.close();
    ending.abort();
  }
}

async function completed(commandArguments: readonly string[], invocation: Invocation): Promise<number> {
  try {
    await createProgram(invocation).parseAsync(commandArguments, { from: "user" });
    return invocation.exitCode;
  } catch (error) {
    return report(error, invocation.terminal);
  }
}

function createProgram(invocation: Invocation): Command {
  const { terminal } = invocation;
  // Commands copy these settings when they are added.
  const program = new Command("qonto")
    .usage("<command> [options]")
    .description("Sets up, watches and repairs the relay between Qonto and the destinations.")
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

  for (const [heading, definitions] of Object.entries(commands)) {
    program.commandsGroup(heading);
    for (const definition of definitions) definition(program, invocation);
  }
  return program;
}

/** The whole command line, to be described and not to be run. */
export function documentedProgram(): Command {
  const stream = new PassThrough();
  const { signal } = new AbortController();
  const streams = { stdin: stream, stdout: stream, stderr: stream };
  return createProgram(
    beginInvocation({ env: {}, ...streams, workingDirectory: "", directory: "", interrupt: signal }, signal),
  );
}

/** A value in the wrong place may be a secret. */
function withoutValues(text: string): string {
  return text.replace(/(unknown option '[^'=]*)=[^']*'/, "$1'").replace(/(but got \d+): .*/s, "$1.\n");
}

/** Prints an error as one sentence with its remedy, and answers the exit code. */
function report(error: unknown, terminal: Terminal): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  const known = faultOf(error) ?? new Fault(`Unexpected: ${String(error)}`);
  const lines = [known.message, ...(known.remedy === undefined ? [] : [known.remedy])];
  terminal.tell(`${lines.map(printable).join("\n")}\n`);
  return known.exitCode;
}

function interrupted(interrupt: AbortSignal): Promise<number> {
  return new Promise((resolve) => interrupt.addEventListener("abort", () => resolve(SIGINT_EXIT_CODE)));
}

/** Ends the run quietly when the reader of a pipe has gone. The listener stays, because a late write may still fail. */
function closedByReader(stream: Stream): Promise<number> {
  return new Promise((resolve) => {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
      resolve(0);
    });
  });
}
