import { createHash, randomBytes } from "node:crypto";
import { Hono } from "hono";
import { Account } from "./account.ts";
import { failure, success } from "./answers.ts";
import { type Emulation, type Variables, bodyOf, timestamp } from "./context.ts";
import { everything } from "./tokens.ts";

/** Of the proof of work: so many checkpoints, so many hashes from one to the next. The service asks for far more. */
const [CHECKPOINTS, HASHES] = [2, 3];
const LASTS_MS = 3_600_000;

const hash = (bytes: Uint8Array) => new Uint8Array(createHash("sha256").update(bytes).digest());

/** Accounts for those who have none, given for a proof of work. They expire after an hour. */
export function temporaryAccountsApi(emulation: Emulation): Hono<Variables> {
  const { accounts, tokens, changes } = emulation;
  const api = new Hono<Variables>();
  const seeds = new Map<string, Buffer>();

  api.post("/challenge", () => {
    const [challengeToken, seed] = [crypto.randomUUID(), randomBytes(32)];
    seeds.set(challengeToken, seed);
    return success({ challengeToken, seed: seed.toString("base64url"), k: CHECKPOINTS, g: HASHES });
  });
  api.post("/", async (context) => {
    const { challengeToken, solution, acceptTermsOfService } = await bodyOf(context);
    const seed = seeds.get(challengeToken);
    if (seed === undefined || !isSolved(seed, String(solution?.checkpoints))) {
      return failure(400, 10_001, "The challenge is not solved.");
    }
    if (acceptTermsOfService !== "yes") return failure(400, 10_002, "The terms of service must be accepted.");
    seeds.delete(challengeToken);
    const id = randomBytes(16).toString("hex");
    const [apiToken, name] = [`token-of-${id}`, `Temporary account ${id.slice(0, 8)}`];
    accounts.set(id, new Account(id, name, `temporary-${id.slice(0, 8)}`));
    tokens.set(apiToken, { accounts: [id], hasUser: false, permissions: everything });
    changes.push(`create account ${name}`);
    const expiresAt = timestamp({ ...emulation, now: () => emulation.now() + LASTS_MS });
    const claim = { url: `https://dash.cloudflare.com/claim/${id}`, expiresAt };
    return success({ account: { id, name, apiToken, expiresAt }, claim });
  });
  return api;
}

function isSolved(seed: Uint8Array, checkpoints: string): boolean {
  let current = hash(seed);
  const expected = [current];
  for (let done = 0; done < CHECKPOINTS; done += 1) {
    for (let hashes = 0; hashes < HASHES; hashes += 1) current = hash(current);
    expected.push(current);
  }
  return Buffer.concat(expected).toString("base64") === checkpoints;
}
