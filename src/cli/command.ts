import { Command, Option } from "commander";
import { z } from "zod";
import { readAccessHeaders } from "./cloudflare-access.ts";
import { wrongUsage } from "./fault.ts";
import type { Invocation } from "./invocation.ts";
import { Output } from "./output.ts";
import { RelayClient } from "./relay-client.ts";
import { refuseClearText } from "./settings.ts";

const globalOptions = z.object({
  json: z.boolean().optional(),
  color: z.boolean().optional(),
  url: z.string().optional(),
});

/** A command of one run, as are all below it. */
export class QontoCommand extends Command {
  readonly invocation: Invocation;

  constructor(invocation: Invocation, name?: string) {
    super(name);
    this.invocation = invocation;
  }

  override createCommand(name?: string): QontoCommand {
    return new QontoCommand(this.invocation, name);
  }

  /** Where what it says goes, in the form that the options ask for. */
  get output(): Output {
    return new Output(this.invocation.terminal, globalOptions.parse(this.optsWithGlobals()));
  }
}

/** `--url` of a command that talks to the relay. */
export function relayOption(): Option {
  return new Option("--url <url>", "the relay (else RELAY_URL, else http://localhost:8787)");
}

/** The operator's API of the relay that is meant. */
export function openRelay(command: QontoCommand): RelayClient {
  const { settings, world } = command.invocation;
  const url = settings.relayUrl(globalOptions.parse(command.optsWithGlobals()).url);
  refuseClearText(url);
  const token = settings.sharedSecret("ADMIN_TOKEN", url);
  if (token === undefined) throw wrongUsage("ADMIN_TOKEN is not set.", "Put the relay's token into the environment.");
  if (!/^[\x21-\x7e]+$/.test(token.value)) throw wrongUsage(`${token.from} holds characters that no token has.`);
  return new RelayClient(url, token.value, { accessHeaders: readAccessHeaders(settings), fetch: world.fetch });
}
