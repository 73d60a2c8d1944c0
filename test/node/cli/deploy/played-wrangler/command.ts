import type { Api } from "./api.ts";
import type { Configuration } from "./configuration.ts";
import type { Printer } from "./printer.ts";

/** What a command that talks to Cloudflare has. */
export interface Surroundings {
  readonly api: Api;
  readonly configuration: Configuration;
  /** Path of the account, before what of it is asked for. */
  readonly account: string;
  readonly printer: Printer;
}
