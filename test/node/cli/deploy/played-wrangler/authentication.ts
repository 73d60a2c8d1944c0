import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type Api, ApiError, CommandFailed } from "./api.ts";
import type { Printer } from "./command.ts";

export interface Credential {
  readonly account: string;
  readonly token: string;
}

/** The one account of a token that no variable names one for. */
export async function selectAccount(api: Api): Promise<string> {
  const [accounts, memberships] = await Promise.allSettled([api.list("/accounts"), api.list("/memberships")]);
  if (accounts.status === "rejected") throw accounts.reason;
  const usable = accounts.value.filter(({ id }) => isMember(id, memberships));
  if (memberships.status === "rejected" && usable.length === 0) {
    const { reason } = memberships;
    if (!isInaccessible(reason)) throw reason;
    throw new CommandFailed("Failed to automatically retrieve account IDs for the logged in user.");
  }
  const [first, ...others] = usable;
  if (first === undefined) {
    throw new CommandFailed("Failed to automatically retrieve account IDs for the logged in user.");
  }
  if (others.length === 0) return first.id;
  throw new CommandFailed(
    "More than one account available but unable to select one in non-interactive mode.",
    usable.map(({ name, id }) => `\`${name}\`: \`${id}\``),
  );
}

const isInaccessible = (error: unknown) => error instanceof ApiError && [9106, 10_000].includes(error.code ?? 0);

/** Who may not ask for memberships is taken to have all that the list of accounts has. */
function isMember(id: string, memberships: PromiseSettledResult<any[]>): boolean {
  if (memberships.status === "rejected") return isInaccessible(memberships.reason);
  return memberships.value.some(({ account }) => account.id === id);
}

/** The temporary account: the one that is remembered, or a new one for a proof of work. */
export async function temporaryAccount(api: Api, file: string, printer: Printer): Promise<Credential> {
  const known = readRemembered(file);
  if (known !== null) return known;
  const { challengeToken, seed, k, g } = await api.result("/provisioning/previews/challenge", {
    method: "POST",
    json: {},
  });
  printer.error("Solving proof-of-work challenge…");
  const { account, claim } = await api.result("/provisioning/previews", {
    method: "POST",
    json: { acceptTermsOfService: "yes", challengeToken, solution: { checkpoints: solve(seed, k, g) } },
  });
  mkdirSync(path.dirname(file), { recursive: true });
  const section = (name: string, values: object) =>
    [`[${name}]`, ...Object.entries(values).map(([key, value]) => `${key} = ${JSON.stringify(value)}`)].join("\n");
  writeFileSync(file, `${section("account", account)}\n\n${section("claim", claim)}\n`);
  printer.error("Temporary account ready:", `\tAccount: ${account.name} (created)`, `\tClaim URL: ${claim.url}`);
  return { account: account.id, token: account.apiToken };
}

function readRemembered(file: string): Credential | null {
  try {
    const text = readFileSync(file, "utf8");
    const value = (name: string) => String(JSON.parse(new RegExp(`^${name} = (".*")$`, "m").exec(text)?.[1] ?? '""'));
    return { account: value("id"), token: value("apiToken") };
  } catch {
    return null;
  }
}

function solve(seed: string, checkpoints: number, hashes: number): string {
  const hash = (bytes: Buffer) => createHash("sha256").update(bytes).digest();
  const solution = [hash(Buffer.from(seed, "base64url"))];
  while (solution.length <= checkpoints) {
    let current = solution.at(-1) ?? Buffer.alloc(0);
    for (let done = 0; done < hashes; done += 1) current = hash(current);
    solution.push(current);
  }
  return Buffer.concat(solution).toString("base64");
}
