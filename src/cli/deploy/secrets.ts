import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import { parseConfig } from "../../config.ts";
import { tryParseJson } from "../../platform/json.ts";
import { wrongUsage } from "../fault.ts";
import { printable } from "../output.ts";
import { readVariables } from "../../local/variables-file.ts";
import type { AccountContext } from "./account.ts";
import type { Context } from "./context.ts";

/** The relay's secrets, as src/config.ts reads them. `needed`: what answers 503 until it is set; null when nothing does. */
const kinds = [
  {
    name: "ADMIN_TOKEN",
    purpose: "opens the operator's API and the console",
    needed: "the operator's API and the console",
  },
  { name: "ENCRYPTION_KEYS", purpose: "encrypt secrets in the database", needed: null },
  {
    name: "QONTO_WEBHOOK_SECRETS",
    purpose: "secrets of the Business API's subscriptions, comma-separated",
    needed: "Qonto's webhooks",
  },
  {
    name: "QONTO_ONBOARDING_SECRETS",
    purpose: "secrets of the Onboarding API's webhook, comma-separated",
    needed: null,
  },
  { name: "QONTO_CLIENT_ID", purpose: "your OAuth application at Qonto, to connect an organization", needed: null },
  { name: "QONTO_CLIENT_SECRET", purpose: "the secret of that application", needed: null },
  { name: "QONTO_STAGING_TOKEN", purpose: "opens Qonto's sandbox", needed: null },
] as const;

type Kind = (typeof kinds)[number];

type Name = Kind["name"];

export type Secrets = Readonly<Partial<Record<Name, string>>>;

/** Secrets from outside of Cloudflare. */
export interface GivenSecrets {
  /** Replace what is set. */
  readonly ofFile: Secrets;
  /** Are set where the Worker has none. */
  readonly ofEnvironment: Secrets;
}

/** Throws wrong usage for a file that cannot be read, and for a secret that the relay would ignore. */
export function readGivenSecrets(file: string | undefined, { env }: Context): GivenSecrets {
  const ofFile = file === undefined ? {} : readFile(path.resolve(env["INIT_CWD"] ?? ".", file));
  refuseIgnored(ofFile, `in ${file ?? ""}`);
  const set = kinds.map(({ name }) => [name, env[name]?.trim() ?? ""]).filter(([, value]) => value !== "");
  return { ofFile, ofEnvironment: Object.fromEntries(set) };
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
  const unknown = Object.keys(read).find((name) => kinds.every((kind) => kind.name !== name));
  if (unknown !== undefined) {
    const all = kinds.map(({ name }) => name).join(", ");
    throw wrongUsage(`${printable(unknown)} in ${file} is not a secret of the relay. Its secrets are ${all}.`);
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

/** Why a deployed relay would ignore one of them; undefined when it would not. */
function faultOf(secrets: Secrets): string | undefined {
  return parseConfig(secrets).faults.find(({ variable }) => variable in secrets)?.message;
}

function refuseIgnored(secrets: Secrets, where: string): void {
  const fault = faultOf(secrets);
  if (fault !== undefined) throw wrongUsage(`${fault} (${where}).`);
}

/** Decides what to set, and asks. `existing`: names of the Worker's secrets. Those in `made` are also in `toSet`. */
export async function planSecrets(
  existing: readonly string[],
  { ofFile, ofEnvironment }: GivenSecrets,
  context: Context,
): Promise<{ readonly toSet: Secrets; readonly made: Secrets }> {
  const isOpen = (name: string) => !existing.includes(name) && !(name in ofFile);
  const fromEnvironment: Secrets = Object.fromEntries(Object.entries(ofEnvironment).filter(([name]) => isOpen(name)));
  refuseIgnored(fromEnvironment, "in the environment");
  for (const name of Object.keys(fromEnvironment)) context.say(`Takes ${name} from the environment.`);
  for (const name of Object.keys(ofFile)) context.say(`Takes ${name} from the file${consequence(name, existing)}.`);
  const answered: { [name in Name]?: string } = {};
  const made: { [name in Name]?: string } = {};
  // An existing Worker may have encrypted with ADMIN_TOKEN: its owner must choose the keys.
  const makes: readonly Name[] = existing.includes("ADMIN_TOKEN") ? [] : ["ADMIN_TOKEN", "ENCRYPTION_KEYS"];
  const isApplication = makesItsOwn([...existing, ...Object.keys(ofFile), ...Object.keys(fromEnvironment)]);
  for (const { name, purpose } of kinds) {
    const isMade = makes.includes(name);
    const isAskedFor = isMade || (name === "QONTO_WEBHOOK_SECRETS" && !isApplication);
    if (!isAskedFor || !isOpen(name) || name in fromEnvironment) continue;
    const otherwise = isMade ? "Enter alone makes one" : "Enter alone leaves it for later";
    const answer = await ask(name, `${name} (${purpose}; ${otherwise}): `, context);
    if (answer !== "") answered[name] = answer;
    else if (isMade) made[name] = randomBytes(32).toString("base64url");
  }
  return { toSet: { ...fromEnvironment, ...answered, ...made, ...ofFile }, made };
}

/** Whether a relay with secrets of these names makes the secrets of its subscriptions itself. */
function makesItsOwn(names: readonly string[]): boolean {
  return names.includes("QONTO_CLIENT_ID");
}

/** The value that is set cannot be read: a new one may differ from it. */
function consequence(name: string, existing: readonly string[]): string {
  if (!existing.includes(name)) return "";
  const isKey = name === "ENCRYPTION_KEYS" || (name === "ADMIN_TOKEN" && !existing.includes("ENCRYPTION_KEYS"));
  const warning = isKey ? ": without the keys that were there before, in ENCRYPTION_KEYS, deliveries stop" : "";
  return `, in place of the one that is set${warning}`;
}

/** Empty without an answer, and where nobody can be asked. */
async function ask(name: Name, question: string, { questions, say }: Context): Promise<string> {
  for (;;) {
    const answer = (await questions?.askSecret(question)) ?? "";
    const fault = answer === "" ? undefined : faultOf({ [name]: answer });
    if (fault === undefined) return answer;
    say(`${fault}.`);
  }
}

/** Says which secrets were made, before they are set: if the run fails later, nothing is set that nobody knows. */
export function sayMade(made: Secrets, { say }: Context): void {
  const lines = Object.entries(made).map(([name, value]) => `  ${name}=${value}\n`);
  if (lines.length === 0) return;
  say(`\nMade for this relay, and shown this once. Keep them in a password manager:\n${lines.join("")}`);
}

/** Says what is still to be set, and how. `existing`: names of the Worker's secrets. */
export function sayMissing(existing: readonly string[], { account, say }: AccountContext): void {
  // `wrangler secret put` cannot reach a temporary account.
  const howToSet = ({ name, purpose }: Kind) =>
    account.claim === null
      ? `  npx wrangler secret put ${name.padEnd(26)}# ${purpose}`
      : `  ${name}=… npm run deploy -- --temporary  # ${purpose}`;
  const missing = kinds.filter(({ name }) => !existing.includes(name));
  const isNeeded = (kind: Kind) =>
    kind.needed !== null && !(kind.name === "QONTO_WEBHOOK_SECRETS" && makesItsOwn(existing));
  const needed = missing.filter(isNeeded);
  const optional = missing.filter((kind) => !isNeeded(kind));
  const refused = needed.map((kind) => kind.needed).join(" and ");
  const lines = [
    ...(needed.length === 0 ? [] : [`Until these secrets are set, ${refused} are refused with 503:`]),
    ...needed.map(howToSet),
    ...(optional.length === 0 ? [] : ["Secrets that you may set:"]),
    ...optional.map(howToSet),
  ];
  if (lines.length > 0) say(`\n${lines.join("\n")}`);
}
