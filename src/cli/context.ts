import { type Command, Option } from "commander";
import { z } from "zod";
import { Output } from "./output.ts";
import { wrongUsage } from "./fault.ts";
import { RelayClient } from "./relay-client.ts";
import { Settings, refuseClearText } from "./settings.ts";

const globalOptions = z.object({
  json: z.boolean().optional(),
  color: z.boolean().optional(),
  url: z.string().optional(),
});

/** What every command works with: where its words go, and what the environment says. */
export interface Context {
  readonly output: Output;
  readonly settings: Settings;
}

export function contextOf(command: Command): Context {
  const { json, color } = globalOptions.parse(command.optsWithGlobals());
  return { output: new Output({ json, color }), settings: new Settings() };
}

/** `--url` of a command that talks to the relay. */
export function relayOption(): Option {
  return new Option("--url <url>", "the relay (else RELAY_URL, else http://localhost:8787)");
}

/** The operator's API of the relay that is meant. */
export function openRelay(command: Command): RelayClient {
  const { settings } = contextOf(command);
  const url = settings.relayUrl(globalOptions.parse(command.optsWithGlobals()).url);
  refuseClearText(url);
  const token = settings.sharedSecret("ADMIN_TOKEN", url);
  if (token === undefined) throw wrongUsage("ADMIN_TOKEN is not set.", "Put the relay's token into the environment.");
  if (!/^[\x21-\x7e]+$/.test(token.value)) throw wrongUsage(`${token.from} holds characters that no token has.`);
  return new RelayClient(url, token.value);
}
