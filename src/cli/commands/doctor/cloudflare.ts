import { openAccount } from "../../deploy/account.ts";
import { projectDirectory, readConfiguration } from "../../deploy/configuration.ts";
import { Log } from "../../deploy/log.ts";
import { survey } from "../../deploy/survey.ts";
import { WranglerRuns } from "../../deploy/wrangler-runs.ts";
import type { Invocation } from "../../invocation.ts";
import type { Access, Deployed } from "./patient.ts";
import type { Target } from "./target.ts";

const names = ["CLOUDFLARE_ACCOUNT_ID", "CF_ACCOUNT_ID", "CLOUDFLARE_API_BASE_URL"];

/** The account to which `npm run deploy` would deploy, for who has its token. */
export function accessToCloudflare(
  { settings, secrets, world }: Invocation,
  { isLocal }: Target,
): Access<() => Promise<Deployed>> {
  if (isLocal) return { lacks: "A relay on this machine is not at Cloudflare.", enable: null };
  const token = settings.value("CLOUDFLARE_API_TOKEN");
  if (token === undefined) {
    return { lacks: "There is no access to Cloudflare's API.", enable: "Set CLOUDFLARE_API_TOKEN." };
  }
  const env = {
    CLOUDFLARE_API_TOKEN: secrets.keep(token),
    ...Object.fromEntries(names.map((name) => [name, settings.value(name)])),
  };
  const context = {
    env,
    world,
    wrangler: new WranglerRuns(),
    log: new Log(null),
    say: () => undefined,
    questions: null,
    directory: projectDirectory,
  };
  return {
    thing: async () => {
      const configuration = await readConfiguration();
      const account = await openAccount(configuration.accountId, false, context);
      return { configuration, found: await survey(account.api, account.id, configuration) };
    },
  };
}
