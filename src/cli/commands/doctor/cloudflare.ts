import { openAccount } from "../../deploy/account.ts";
import { readConfiguration } from "../../deploy/configuration.ts";
import { Log } from "../../deploy/context.ts";
import { survey } from "../../deploy/survey.ts";
import type { Invocation } from "../../invocation.ts";
import type { Access, Deployed } from "./circumstances.ts";

const names = ["CLOUDFLARE_ACCOUNT_ID", "CF_ACCOUNT_ID", "CLOUDFLARE_API_BASE_URL"];

/** The account to which `npm run deploy` would deploy, for who has its token. */
export function accessToCloudflare({ settings, secrets, world }: Invocation): Access<() => Promise<Deployed>> {
  const token = settings.value("CLOUDFLARE_API_TOKEN");
  if (token === undefined) {
    return { lacks: "There is no access to Cloudflare's API.", enable: "Set CLOUDFLARE_API_TOKEN." };
  }
  const env = Object.fromEntries(names.map((name) => [name, settings.value(name)]));
  const context = { env, world, log: new Log(null), say: () => undefined, questions: null };
  const credentials = { token: secrets.keep(token) };
  return {
    thing: async () => {
      const configuration = await readConfiguration();
      const account = await openAccount(credentials, configuration.accountId, context);
      return { configuration, found: await survey(account, configuration) };
    },
  };
}
