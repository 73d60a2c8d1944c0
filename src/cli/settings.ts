import { readFileSync } from "node:fs";
import path from "node:path";
import { wrongUsage } from "./fault.ts";
import type { Environment, Secrets } from "./terminal.ts";
import { type VariablesFile, readVariables } from "../local/variables-file.ts";

const LOCAL_RELAY = "http://localhost:8787";

type LocalSecret = "ADMIN_TOKEN" | "QONTO_WEBHOOK_SECRETS" | "QONTO_ONBOARDING_SECRETS";

type Credential = "QONTO_ACCESS_TOKEN" | "QONTO_STAGING_TOKEN" | "CF_ACCESS_CLIENT_ID" | "CF_ACCESS_CLIENT_SECRET";

/** What the environment says, and for a relay on this machine the `.dev.vars` that it was started with. */
export class Settings {
  readonly #environment: Environment;
  readonly #directory: string;
  readonly #secrets: Secrets;
  readonly #tell: (line: string) => void;
  #local: VariablesFile | undefined;
  /** Secrets of `.dev.vars` whose remarks were told. */
  readonly #told = new Set<LocalSecret>();

  /** `tell` prints remarks on how a secret is written in `.dev.vars`. */
  constructor(environment: Environment, directory: string, secrets: Secrets, tell: (line: string) => void) {
    this.#environment = environment;
    this.#directory = directory;
    this.#secrets = secrets;
    this.#tell = tell;
  }

  /** Address of the relay, without a slash at its end. */
  relayUrl(given?: string): string {
    return readUrl(given ?? this.value("RELAY_URL") ?? LOCAL_RELAY, given === undefined ? "RELAY_URL" : "--url");
  }

  /** A variable that is no secret; undefined when it is empty. */
  value(name: string): string | undefined {
    return this.#environment[name]?.trim() || undefined;
  }

  credential(name: Credential): string | undefined {
    const value = this.value(name);
    return value === undefined ? undefined : this.#secrets.keep(value);
  }

  /** Throws with the remedy when it is not set. */
  requiredCredential(name: Credential, remedy: string): string {
    const value = this.credential(name);
    if (value === undefined) throw wrongUsage(`${name} is not set.`, remedy);
    return value;
  }

  /** A secret that the relay at this address has as well, and where it was found. */
  sharedSecret(name: LocalSecret, relayUrl: string): { readonly value: string; readonly from: string } | undefined {
    const value = this.value(name);
    if (value !== undefined) return { value: this.#secrets.keep(value), from: name };
    const local = isOnThisMachine(relayUrl) ? this.#readLocal(name) : undefined;
    return local ? { value: this.#secrets.keep(local), from: `${name} in .dev.vars` } : undefined;
  }

  #readLocal(name: LocalSecret): string | undefined {
    this.#local ??= readVariables(readIfThere(path.join(this.#directory, ".dev.vars")));
    const { variables, remarks } = this.#local;
    if (!this.#told.has(name)) {
      for (const { variable, says } of remarks) if (variable === name) this.#tell(`${name} in .dev.vars ${says}\n`);
    }
    this.#told.add(name);
    return variables[name]?.trim();
  }
}

/** Empty when it cannot be read. */
export function readIfThere(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

/** An http or https address, without slashes at its end. */
export function readUrl(text: string, name: string): string {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw wrongUsage(`${name} is no web address.`, "Write it whole: https://relay.example.com");
  }
  if (url.username !== "" || url.password !== "") {
    throw wrongUsage(`${name} must not hold a name or a password.`);
  }
  return url.href.replace(/\/+$/, "");
}

export function isOnThisMachine(url: string): boolean {
  const host = new URL(url).hostname;
  return host === "localhost" || host.endsWith(".localhost") || host === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/** A token goes into a header. */
export function refuseUnsendable(token: string, from: string, what = "token"): void {
  if (!/^[\x21-\x7e]+$/.test(token)) throw wrongUsage(`${from} holds characters that no ${what} has.`);
}

/** A token is sent encrypted, or not off this machine. */
export function refuseClearText(url: string): void {
  if (url.startsWith("https:") || isOnThisMachine(url)) return;
  throw wrongUsage(`The token would be sent to ${new URL(url).host} unencrypted.`, "Use https.");
}
