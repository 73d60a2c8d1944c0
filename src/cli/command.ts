import type { Command } from "commander";
import { type Context, type Invocation, type SharedOptions, openContext } from "./context.ts";
import type { ExitCode } from "./fault.ts";
import { type CommandOption, type GivenOption, flag, option } from "./options.ts";

type Options = Readonly<Record<string, CommandOption<unknown>>>;

/** What a command was given: its arguments as texts, its options as they are read. */
type Given<Arguments extends string, Known extends Options> = Readonly<Record<Arguments, string>> & {
  readonly [Name in keyof Known]: Known[Name] extends CommandOption<infer Value> ? Value : never;
};

interface CommandDefinition<Arguments extends string, Known extends Options> {
  readonly name: string;
  readonly summary: string;
  /** Name and description of each, in their order. All are required. */
  readonly arguments?: Readonly<Record<Arguments, string>>;
  /** The APIs that it asks. Each brings its option: `--url` or `--sandbox`. */
  readonly asks?: readonly ("relay" | "qonto")[];
  readonly options?: Known;
  /** What else there is to know, before the example. */
  readonly help?: string;
  /** What follows `npm run qonto --`. */
  readonly example: string;
  /** Does the work. Answers 1 when it found a fault; a `Fault` that it throws has its own exit code. */
  readonly run: (context: Context, given: Given<Arguments, Known>) => Promise<0 | ExitCode | void>;
}

/** Adds a command, or a group of them, to the command line. */
export type Definition = (parent: Command, invocation: Invocation) => void;

const apiOptions = {
  relay: option("--url <url>", "the relay (else RELAY_URL, else http://localhost:8787)"),
  qonto: flag("--sandbox", "Qonto's sandbox, with QONTO_STAGING_TOKEN"),
};

/** Makes a command: its options are read, its errors end in an exit code, and `run` gets a context to work with. */
export function defineCommand<const Arguments extends string = never, const Known extends Options = {}>(
  definition: CommandDefinition<Arguments, Known>,
): Definition {
  const { name, summary, asks = [], help, example, run } = definition;
  const names = Object.entries<string>(definition.arguments ?? {});
  const options = Object.entries<CommandOption<unknown>>(definition.options ?? {});
  return (parent, invocation) => {
    const command = parent.command(name).description(summary);
    for (const [argument, description] of names) command.argument(`<${argument}>`, description);
    for (const api of asks) command.addOption(apiOptions[api].definition);
    for (const [, one] of options) command.addOption(one.definition);
    if (help !== undefined) command.addHelpText("after", `\n${help}`);
    command.addHelpText("after", `\nExample:\n  npm run qonto -- ${example}`).action(async () => {
      const texts = command.opts<Readonly<Record<string, GivenOption>>>();
      const given = Object.fromEntries([
        ...names.map(([argument], index) => [argument, command.args[index]]),
        ...options.map(([key, one]) => [key, one.read(texts[one.definition.attributeName()], invocation.world.now)]),
      ]);
      const { url, ...shared } = command.optsWithGlobals<SharedOptions>();
      // The `--url` of a command that does not ask the relay is an option of its own.
      const context = openContext(invocation, asks.includes("relay") ? { ...shared, url } : shared);
      invocation.exitCode = (await run(context, given as Given<Arguments, Known>)) ?? 0;
    });
  };
}

/** Commands about one thing. */
export function defineGroup(
  name: string,
  summary: string,
  { help, commands }: { readonly help?: string; readonly commands: readonly Definition[] },
): Definition {
  return (parent, invocation) => {
    const group = parent.command(name).description(summary);
    if (help !== undefined) group.addHelpText("after", `\n${help}`);
    for (const definition of commands) definition(group, invocation);
  };
}
