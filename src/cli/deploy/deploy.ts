import { z } from "zod";
import { anyDestinationSql } from "../../store/from-outside.ts";
import { Fault } from "../fault.ts";
import { withNotes } from "./context.ts";
import { type Inspection, inspect } from "./inspect.ts";
import { planOf } from "./plan.ts";
import { type GivenSecrets, describeMade, describeMissing, planSecrets } from "./secrets.ts";
import {
  AGAIN,
  type Step,
  type Upload,
  applyMigrations,
  build,
  createDatabase,
  createQueue,
  deleteQueue,
  upload,
} from "./steps.ts";
import { type Service, type Survey, rowsOf, survey } from "./survey.ts";

/** New code never meets an old schema; what is missing is created first, for `wrangler deploy` would not ask where. */
export async function deploy(found: Survey, given: GivenSecrets, step: Step): Promise<void> {
  const { account, configuration, context } = step;
  const { say } = context;
  const { toSet, made } = await planSecrets(found.worker?.secrets ?? [], given, context);
  await build(step);
  const plan = planOf(configuration, found);
  for (const queue of plan.queuesToDelete) await deleteQueue(queue, step);
  for (const name of plan.queuesToCreate) await createQueue(name, step);
  if (plan.createsDatabase) await createDatabase(step);
  await applyMigrations(found, step);
  const told = describeMade(made);
  if (told !== "") say(`\n${told}\n`);
  const uploaded = await upload(toSet, step);
  const after = await lookAt(found, uploaded, { ...step, isToldSecrets: told !== "" });
  say("Deployed the Worker.");
  const address = addressOf(uploaded.targets) ?? addressUnderWorkersDev(after, step) ?? "https://<its address>";
  const { claim } = account;
  for (const paragraph of [describeMissing(after.worker?.secrets ?? [], claim !== null), nextCommands(address)]) {
    if (paragraph !== "") say(`\n${paragraph}`);
  }
  if (claim !== null) say(`\nThe account is temporary. Make it yours until ${claim.expiresAt} at ${claim.url}`);
}

/** New keys would not decrypt what the keys of a Worker that was deleted have encrypted. */
export async function refuseLostKeys(
  { worker, database }: Survey,
  { ofFile, ofEnvironment }: GivenSecrets,
  { account }: Step,
): Promise<void> {
  const isGiven = (["ENCRYPTION_KEYS", "ADMIN_TOKEN"] as const).some((name) => ofFile[name] ?? ofEnvironment[name]);
  if (worker !== null || database === null || isGiven) return;
  const rows = await rowsOf(account.api, `/accounts/${account.id}`, database.id, anyDestinationSql, z.unknown());
  if (rows === null || rows.length === 0) return;
  throw new Fault(
    "The database holds destinations whose secrets earlier keys have encrypted, and no Worker has these keys.",
    {
      remedy: "Give ENCRYPTION_KEYS, or the ADMIN_TOKEN that stood for it, in the environment or with --secrets-file.",
    },
  );
}

/**
 * What a build can do whose token may not see the database or the queues. Until they are right the relay refuses events: the
 * schema is checked by the Worker itself.
 */
export async function deployWorkerAlone(lacking: readonly Service[], step: Step): Promise<void> {
  const { say } = step.context;
  const names = lacking.map((service) => `${service}:Edit`).join(" and ");
  say(`The token of this build lacks ${names}: the Worker alone is deployed.`);
  const { succeeded, reason } = await upload({}, step);
  if (!succeeded) throw new Fault(`The deployment did not come to its end${reason}.`, { remedy: AGAIN });
  say(
    "Deployed the Worker. Its /health says what it lacks: run `npm run deploy` once from your machine, or give the build a",
  );
  say("token with these permissions.");
}

/** Cloudflare's lists can be some seconds behind what was just done. */
const LOOK_AGAIN_AFTER_MS = [2_000, 5_000];

/** Looks at the deployment. Throws what is missing or wrong: nothing went live, or it is live and not whole. */
async function lookAt(
  before: Survey,
  uploaded: Upload,
  { account, configuration, context, isToldSecrets }: Step & { readonly isToldSecrets: boolean },
): Promise<Survey> {
  const look = async () => {
    const looking = survey(account.api, account.id, configuration);
    const found = await withNotes("looking at what was deployed", looking, context);
    return { found, isLive: isLive(before, found, uploaded), ...inspect(configuration, found) };
  };
  let looked = await look();
  for (const waitMs of LOOK_AGAIN_AFTER_MS) {
    if (looked.found.failures.length === 0 && looked.isLive && looked.missing.length === 0) break;
    await context.world.wait(waitMs);
    looked = await look();
  }
  const { found, missing, wrong } = looked;
  const [failure] = found.failures;
  if (failure !== undefined) {
    const begun = uploaded.succeeded ? "The Worker is deployed" : `The deployment failed${uploaded.reason}`;
    throw new Fault(`${begun}; Cloudflare does not say what came of it: ${failure.error.message}.`, { remedy: AGAIN });
  }
  if (!looked.isLive) {
    const left = before.worker === null ? "Nothing was uploaded" : "What was deployed before runs on";
    const secrets = isToldSecrets ? " The secrets shown above are not set: the next run makes others." : "";
    throw new Fault(`The Worker was not deployed${uploaded.reason}. ${left}.${secrets}`, { remedy: AGAIN });
  }
  if (missing.length > 0) {
    const sentence = `The Worker is live, but without ${missing.join(", ")}${uploaded.reason}.`;
    throw new Fault([sentence, ...wrong].join("\n"), { remedy: AGAIN });
  }
  if (wrong.length > 0) {
    throw new Fault(["The Worker is live.", ...wrong].join("\n"), { remedy: "Do that, then run it again." });
  }
  if (!uploaded.succeeded) {
    throw new Fault(`The Worker is live, but not all of its settings were changed${uploaded.reason}.`, {
      remedy: AGAIN,
    });
  }
  printNotes(looked, context.say);
  return found;
}

/** Where its answer was lost, what is listed decides: a version that was uploaded need not be live. */
function isLive(before: Survey, { worker }: Survey, { succeeded }: Upload): boolean {
  if (succeeded || worker === null) return worker !== null;
  const { deployment } = worker;
  return deployment === null ? before.worker === null : deployment.versionId !== before.worker?.deployment?.versionId;
}

/** What is no failure of this deployment. */
export function printNotes({ outside, unknown }: Inspection, say: (line: string) => void): void {
  for (const sentence of outside) say(sentence);
  if (unknown.length > 0) say(`Cloudflare does not say ${unknown.join(", ")}.`);
}

/** A domain of one's own rather than the one that Cloudflare lends. */
export function addressOf(targets: readonly string[]): string | undefined {
  const [own] = targets.flatMap((target) => /^([\w.-]+) \(custom domain/.exec(target)?.[1] ?? []);
  return own === undefined ? targets.find((target) => target.startsWith("https://")) : `https://${own}`;
}

/** What wrangler would have said, had its run ended well. */
function addressUnderWorkersDev({ subdomain }: Survey, { configuration }: Step): string | undefined {
  const { isOnWorkersDev, worker } = configuration;
  return isOnWorkersDev && subdomain !== null ? `https://${worker}.${subdomain}.workers.dev` : undefined;
}

function nextCommands(address: string): string {
  return `Qonto's webhooks go to ${address}/webhooks/qonto

  npm run qonto -- subscriptions create --url ${address}/webhooks/qonto --all-types
  npm run qonto -- doctor --url ${address}  # in a minute: the cron has run by then`;
}
