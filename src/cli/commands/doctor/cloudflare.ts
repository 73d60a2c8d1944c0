import { openAccount } from "../../deploy/account.ts";
import { ApiError } from "../../deploy/cloudflare-api.ts";
import { type Configuration, readConfiguration } from "../../deploy/configuration.ts";
import { inspect } from "../../deploy/status.ts";
import { Log } from "../../deploy/context.ts";
import { couldNotLook, lookUpRemedy } from "../../deploy/preconditions.ts";
import { type Survey, survey } from "../../deploy/survey.ts";
import type { Invocation } from "../../context.ts";
import { Fault } from "../../fault.ts";
import { type Finding, type Result, judged, skipped } from "./finding.ts";

/** What is deployed in an account at Cloudflare, and what should be. */
export interface Deployed {
  readonly configuration: Configuration;
  readonly found: Survey;
}

const names = ["CLOUDFLARE_ACCOUNT_ID", "CF_ACCOUNT_ID", "CLOUDFLARE_API_BASE_URL"];

/** The account to which `npm run deploy` would deploy, if the environment has a token for it. */
export function accessToCloudflare({ settings, secrets, world }: Pick<Invocation, "settings" | "secrets" | "world">) {
  const token = settings.value("CLOUDFLARE_API_TOKEN");
  if (token === undefined) {
    return { lacks: "There is no access to Cloudflare's API.", enable: "Set CLOUDFLARE_API_TOKEN." };
  }
  const env = Object.fromEntries(names.map((name) => [name, settings.value(name)]));
  const context = { env, world, log: new Log(null), say: () => undefined, questions: null };
  const credentials = { token: secrets.keep(token) };
  return {
    thing: async (): Promise<Deployed> => {
      const configuration = await readConfiguration();
      const account = await openAccount(credentials, configuration.accountId, context);
      return { configuration, found: await survey(account, configuration) };
    },
  };
}

/** Looks at what is deployed. When Cloudflare does not show it, the check is skipped. */
export async function examineDeployment(look: () => Promise<Deployed>): Promise<Result> {
  try {
    return judgeDeployment(await look());
  } catch (error) {
    if (!(error instanceof Fault || error instanceof ApiError)) throw error;
    const remedy = error instanceof Fault ? (error.remedy ?? null) : null;
    return skipped(`Cloudflare does not let the doctor look: ${error.message}`, remedy);
  }
}

export function judgeDeployment({ configuration, found }: Deployed): Result {
  const { jurisdiction, worker } = configuration;
  const [failure] = found.failures;
  if (failure !== undefined) return skipped(couldNotLook(failure), lookUpRemedy(failure));
  if (found.worker === null) {
    return skipped(`The account has no Worker ${worker}.`, "Set CLOUDFLARE_ACCOUNT_ID to the relay's account.");
  }
  const { missing, wrong, outside, unknown } = inspect(configuration, found);
  const incomplete = [...(missing.length > 0 ? [`The relay is without ${missing.join(", ")}.`] : []), ...wrong];
  const findings = [
    ...outside.map((seen): Finding => ({ fault: "queue_outside_jurisdiction", seen, about: { jurisdiction } })),
    ...incomplete.map((seen): Finding => ({ fault: "deployment_incomplete", seen })),
  ];
  return judged(
    findings,
    unknown.length === 0
      ? `${found.queues.size} queues, the database and the cron are connected, in the jurisdiction ${jurisdiction}.`
      : "Nothing is missing in what Cloudflare shows.",
    unknown.map((what) => `Cloudflare does not say ${what}.`),
  );
}
