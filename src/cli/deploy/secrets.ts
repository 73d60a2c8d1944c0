import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import { parseConfig } from "../../config.ts";
import { tryParseJson } from "../../platform/json.ts";
import { wrongUsage } from "../fault.ts";
import { printable } from "../output.ts";
import { readVariables } from "../../local/variables-file.ts";
import type { Context } from "./context.ts";

interface SecretKind {
  readonly purpose: string;
  /** What answers 503 until it is set; null when nothing does. */
  readonly needed: string | null;
}

/** The relay's secrets, as src/config.ts reads them. */
const kinds = {
  ADMIN_TOKEN: { purpose: "opens the operator's API and the console", needed: "the operator's API and the console" },
  ENCRYPTION_KEYS: { purpose: "encrypt the destinations' secrets in the database", needed: null },
  QONTO_WEBHOOK_SECRETS: {
    purpose: "secrets of the Business API's subscriptions, comma-separated",
    needed: "Qonto's webhooks",
  },
  QONTO_ONBOARDING_SECRETS: {
    purpose: "secrets of the Onboarding API's webhook, comma-separated",
    needed: null,
  },
} as const satisfies Readonly<Record<string, SecretKind>>;

type Name = keyof typeof kinds;

const names = z.enum(["ADMIN_TOKEN", "ENCRYPTION_KEYS", "QONTO_WEBHOOK_SECRETS", "QONTO_ONBOARDING_SECRETS"]).options;

export type Secrets = Readonly<Partial<Record<Name, string>>>;

/** Secrets from outside of Cloudflare. */
export interface GivenSecrets {
  /** Replace what is set. */
  readonly ofFile: Secrets;
  /** Are set where the Worker has none. */
  readonly ofEnvironment: Secrets;
}

/** Throws wrong usage for a file that cannot be read, and for a secret that the relay would ignore. */
export function readGivenSecrets(file: string | undefined, { env }: Pick<Context, "env">): GivenSecrets {
  const ofFile = file === undefined ? {} : readFile(path.resolve(env["INIT_CWD"] ?? ".", file));
  const given = names.flatMap((name) => (env[name]?.trim() ? [[name, env[name].trim()] as const] : []));
  const ofEnvironment: Secrets = Object.fromEntries(given);
  refuseIgnored(ofFile, `in ${file ?? ""}`);
  return { ofFile, ofEnvironment };
}

function readFile(file: string): Secrets {
  let text: string;
  try {
    text = readFileSync(file, "utf8").replace(/^\uFEFF/, "");
  } catch {
    throw wrongUsage(`The secrets file ${file} cannot be read.`);
  }
  const read = text.trimStart().startsWith("{")
    ? z.record(z.string(), z.string()).safeParse(tryParseJson(text)).data
    : readLines(text, file);
  if (read === undefined) throw wrongUsage(`The secrets file ${file} is not a JSON object of strings.`);
  for (const name of Object.keys(read)) {
    if (isName(name)) continue;
    throw wrongUsage(
      `${printable(name)} in ${file} is not a secret of the relay. Its secrets are ${names.join(", ")}.`,
    );
  }
  const secrets = Object.entries(read).filter(([, value]) => value.trim() !== "");
  if (secrets.length === 0) throw wrongUsage(`The secrets file ${file} sets no secret.`);
  return Object.fromEntries(secrets);
}

/** Refuses a value that is not read as it is written. */
function readLines(text: string, file: string): Readonly<Record<string, string>> {
  const { variables, remarks } = readVariables(text);
  const [remark] = remarks;
  if (remark !== undefined) throw wrongUsage(`${printable(remark.variable)} in ${file} ${remark.says}`);
  return variables;
}

function isName(name: string): name is Name {
  return names.some((one) => one === name);
}

/** Why a deployed relay would ignore one of them; undefined when it would not. */
function faultOf(secrets: Secrets): string | undefined {
  const faults = parseConfig(secrets).faults;
  return faults.find(({ variable }) => isName(variable) && secrets[variable] !== undefined)?.message;
}

function refuseIgnored(secrets: Secrets, where: string): void {
  const fault = faultOf(secrets);
  if (fault !== undefined) throw wrongUsage(`${fault} (${where}).`);
}

export interface PlannedSecrets {
  readonly toSet: Secrets;
  /** Of these, the ones that were made in this run. */
  readonly made: Secrets;
}

/** Decides what to set, and asks. `existing`: names of the Worker's secrets. */
export async function planSecrets(
  existing: readonly string[],
  { ofFile, ofEnvironment }: GivenSecrets,
  context: Pick<Context, "questions" | "say">,
): Promise<PlannedSecrets> {
  const isOpen = (name: Name) => !existing.includes(name) && ofFile[name] === undefined;
  const fromEnvironment: Secrets = Object.fromEntries(
    Object.entries(ofEnvironment).filter(([name]) => isName(name) && isOpen(name)),
  );
  refuseIgnored(fromEnvironment, "in the environment");
  const isMissing = (name: Name) => isOpen(name) && fromEnvironment[name] === undefined;
  // An existing Worker may have encrypted with ADMIN_TOKEN: its owner must choose the keys.
  const makes: readonly Name[] = existing.includes("ADMIN_TOKEN") ? [] : ["ADMIN_TOKEN", "ENCRYPTION_KEYS"];
  for (const name of Object.keys(fromEnvironment)) context.say(`Takes ${name} from the environment.`);
  for (const name of Object.keys(ofFile)) context.say(`Takes ${name} from the file${consequence(name, existing)}.`);
  const answered: { [name in Name]?: string } = {};
  const made: { [name in Name]?: string } = {};
  for (const name of [...makes, "QONTO_WEBHOOK_SECRETS"] as const) {
    if (!isMissing(name)) continue;
    const isMade = name !== "QONTO_WEBHOOK_SECRETS";
    const answer = await ask(name, isMade ? "Enter alone makes one" : "Enter alone leaves it for later", context);
    if (answer !== "") answered[name] = answer;
    else if (isMade) made[name] = randomBytes(32).toString("base64url");
  }
  return { toSet: { ...fromEnvironment, ...answered, ...made, ...ofFile }, made };
}

/** The value that is set cannot be read: a new one may differ from it. */
function consequence(name: string, existing: readonly string[]): string {
  if (!existing.includes(name)) return "";
  const isKey = name === "ENCRYPTION_KEYS" || (name === "ADMIN_TOKEN" && !existing.includes("ENCRYPTION_KEYS"));
  const warning = isKey ? ": without the keys that were there before, in ENCRYPTION_KEYS, deliveries stop" : "";
  return `, in place of the one that is set${warning}`;
}

/** Empty without an answer, and where nobody can be asked. */
async function ask(
  name: Name,
  otherwise: string,
  { questions, say }: Pick<Context, "questions" | "say">,
): Promise<string> {
  for (;;) {
    const answer = (await questions?.askSecret(`${name} (${kinds[name].purpose}; ${otherwise}): `)) ?? "";
    const fault = answer === "" ? undefined : faultOf({ [name]: answer });
    if (fault === undefined) return answer;
    say(`${fault}.`);
  }
}

/** What is still to be set, and how; empty when nothing is. */
export function describeMissing(existing: readonly string[], isTemporary = false): string {
  const missing = names.filter((name) => !existing.includes(name));
  const needed = missing.flatMap((name) => kinds[name].needed ?? []);
  return [
    ...(needed.length === 0 ? [] : [`Until these secrets are set, ${needed.join(" and ")} are refused with 503:`]),
    ...missing.filter((name) => kinds[name].needed !== null).map((name) => howToSet(name, isTemporary)),
    ...(missing.length === needed.length ? [] : ["Secrets that you may set:"]),
    ...missing.filter((name) => kinds[name].needed === null).map((name) => howToSet(name, isTemporary)),
  ].join("\n");
}

/** `wrangler secret put` cannot reach a temporary account. */
function howToSet(name: Name, isTemporary: boolean): string {
  const { purpose } = kinds[name];
  return isTemporary
    ? `  ${name}=… npm run deploy -- --temporary  # ${purpose}`
    : `  npx wrangler secret put ${name.padEnd(26)}# ${purpose}`;
}

/** Is shown before they are set: if the run fails later, nothing is set that nobody knows. */
export function describeMade(made: Secrets): string {
  const lines = Object.entries(made).map(([name, value]) => `  ${name}=${value}`);
  return lines.length === 0
    ? ""
    : `Made for this relay, and shown this once. Keep them in a password manager:\n${lines.join("\n")}`;
}
