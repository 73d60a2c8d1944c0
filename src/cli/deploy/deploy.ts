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
import { type Service, type Survey, survey } from "./survey.ts";

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
  const after = await lookAgain(found, uploaded, step);
  say("Deployed the Worker.");
  const address = addressOf(uploaded.targets) ?? addressUnderWorkersDev(after, step) ?? "https://<its address>";
  for (const paragraph of [describeMissing(after.worker?.secrets ?? []), nextCommands(address)]) {
    if (paragraph !== "") say(`\n${paragraph}`);
  }
  if (account.claimUrl !== null) say(`\nThe account is temporary. Make it yours at ${account.claimUrl}`);
}

/** What a build can do whose token may not see the database or the queues. Until they are right the relay refuses events. */
export async function deployWorkerAlone(lacking: readonly Service[], step: Step): Promise<void> {
  const { say } = step.context;
  say(
    `The token of this build lacks ${lacking.map((service) => `${service}:Edit`).join(" and ")}: the Worker alone is deployed.`,
  );
  const { succeeded, uploaded, reason } = await upload({}, step);
  if (!succeeded && !uploaded) throw new Fault(`The Worker was not deployed${reason}.`);
  say("Deployed the Worker. Its /health says what it lacks: run `npm run deploy` once on a machine of yours, or give");
  say("the build a token with these permissions.");
}

/** Cloudflare's lists can be some seconds behind what was just done. */
const LOOK_AGAIN_AFTER_MS = [2_000, 5_000];

/** What is there now. Throws what is wrong with it, told apart: nothing was uploaded, or it is live and not whole. */
async function lookAgain(before: Survey, uploaded: Upload, step: Step): Promise<Survey> {
  const { account, configuration, context } = step;
  const look = async () => {
    const found = await withNotes("what was deployed", survey(account.api, account.id, configuration), context);
    return { found, ...inspect(configuration, found) };
  };
  let looked = await look();
  for (const waitMs of LOOK_AGAIN_AFTER_MS) {
    if (looked.found.obstacles.length === 0 && looked.missing.length === 0) break;
    await context.world.wait(waitMs);
    looked = await look();
  }
  const { found } = looked;
  const [obstacle] = found.obstacles;
  if (obstacle !== undefined) {
    const whole = uploaded.succeeded ? "The Worker is deployed" : `The deployment failed${uploaded.reason}`;
    throw new Fault(`${whole}; what came of it, Cloudflare does not say: ${obstacle.error.message}.`, {
      remedy: AGAIN,
    });
  }
  if (!isLive(before, found, uploaded)) {
    throw new Fault(`The Worker was not deployed${uploaded.reason}. ${whatIsThere(before, uploaded)}.`, {
      remedy: AGAIN,
    });
  }
  if (looked.missing.length > 0) {
    const sentence = `The Worker is live, but without ${looked.missing.join(", ")}${uploaded.reason}.`;
    throw new Fault([sentence, ...looked.wrong].join("\n"), { remedy: AGAIN });
  }
  if (looked.wrong.length > 0)
    throw new Fault(looked.wrong.join("\n"), { remedy: "The Worker is live. Then run it again." });
  sayBeside(looked, context.say);
  return found;
}

/** Where its answer was lost, what is listed decides: a version that was uploaded need not be live. */
function isLive(before: Survey, after: Survey, { succeeded, uploaded }: Upload): boolean {
  if (succeeded || after.worker === null) return after.worker !== null;
  const { deployment } = after.worker;
  return deployment === null ? uploaded : deployment.id !== before.worker?.deployment?.id;
}

function whatIsThere({ worker }: Survey, { uploaded }: Upload): string {
  const version = uploaded ? "A new version was uploaded, and is not live" : "Nothing was uploaded";
  return worker === null ? version : `${version}; what was deployed before runs on`;
}

/** What is no failure of this deployment. */
export function sayBeside({ outside, unknown }: Inspection, say: (line: string) => void): void {
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
  npm run qonto -- doctor --url ${address}`;
}
