import { readFile } from "node:fs/promises";
import path from "node:path";
import { parse } from "smol-toml";
import { z } from "zod";
import { Fault, wrongUsage } from "../fault.ts";
import { type Account, openApi } from "./account.ts";
import { type Context, reasonOf, runWrangler } from "./context.ts";

const TERMS = "https://www.cloudflare.com/terms/ and https://www.cloudflare.com/privacypolicy/";

const file = z.object({
  account: z.object({ id: z.string(), name: z.string(), apiToken: z.string() }),
  claim: z.object({ url: z.string(), expiresAt: z.string() }),
});

/** An account that Cloudflare makes for a try, without a login; the same one until it ends. */
export async function openTemporaryAccount(context: Context): Promise<Account> {
  const { env, questions, say } = context;
  const set = ["CLOUDFLARE_API_TOKEN", "CF_API_TOKEN", "CLOUDFLARE_API_KEY", "CF_API_KEY"].find((name) => env[name]);
  if (set !== undefined) {
    throw wrongUsage(
      `--temporary is for people without an account; ${set} is set.`,
      "Unset it, or leave out --temporary.",
    );
  }
  const terms = `Anyone who uses a temporary account accepts Cloudflare's terms: ${TERMS}.`;
  if (questions === null) say(terms);
  else if ((await questions.ask(`${terms}\nDo you accept them? (yes) `)).toLowerCase() !== "yes")
    throw new Fault("Nothing was done.");
  // A home of its own: wrangler makes no temporary account for somebody who is logged in.
  const home = path.join(context.directory, ".wrangler", "temporary");
  // The first command that needs an account has wrangler make it.
  const command = ["d1", "list", "--json", "--temporary"];
  const environment = { HOME: home, XDG_CONFIG_HOME: home };
  const run = await runWrangler("making a temporary account", { command, environment, limitMs: 60_000 }, context);
  const made = run.succeeded ? await readAccount(home) : null;
  if (made === null) {
    throw new Fault(`Cloudflare made no temporary account${reasonOf(run.output)}.`, {
      remedy: "Run it again, or log in with `npx wrangler login`.",
    });
  }
  const { account, claim } = made;
  const { id, name, apiToken: token } = account;
  const credentials = { CLOUDFLARE_ACCOUNT_ID: id, CLOUDFLARE_API_TOKEN: token };
  return { id, path: `/accounts/${id}`, name, api: openApi({ token }, context), environment: credentials, claim };
}

/** Null when wrangler has kept none, or in another way than it did. */
async function readAccount(home: string): Promise<z.output<typeof file> | null> {
  try {
    return file.parse(parse(await readFile(path.join(home, ".wrangler", "wrangler-temporary-account.toml"), "utf8")));
  } catch {
    return null;
  }
}
