import { ApiError } from "../../../deploy/cloudflare-api.ts";
import { inspect } from "../../../deploy/status.ts";
import { couldNotLook, isPermissionMissing } from "../../../deploy/preconditions.ts";
import { Fault } from "../../../fault.ts";
import { type Finding, type Result, judged, skipped } from "../finding.ts";
import type { Deployed } from "../circumstances.ts";
import { CannotExamine, type Patient } from "../patient.ts";

/** The Worker at Cloudflare must be joined to its queues, its database and its cron, and all of it be where it should. */
export async function examineDeployment({ circumstances }: Patient): Promise<Result> {
  const { cloudflare, target } = circumstances;
  if (target.isLocal) return judged([], "It is on this machine, where `npm start` joins all.");
  if (!("thing" in cloudflare)) throw new CannotExamine(skipped(cloudflare.lacks, cloudflare.enable));
  return judgeDeployment(await look(cloudflare.thing));
}

async function look(lookAtAccount: () => Promise<Deployed>): Promise<Deployed> {
  try {
    return await lookAtAccount();
  } catch (error) {
    if (!(error instanceof Fault || error instanceof ApiError)) throw error;
    const remedy = error instanceof Fault ? (error.remedy ?? null) : null;
    throw new CannotExamine(skipped(`Cloudflare does not let the doctor look: ${error.message}`, remedy));
  }
}

export function judgeDeployment({ configuration, found }: Deployed): Result {
  const [failure] = found.failures;
  if (failure !== undefined) {
    const { service, error } = failure;
    return skipped(
      couldNotLook(failure),
      isPermissionMissing(error) ? `Give the token ${service}:Read.` : "Run it again.",
    );
  }
  if (found.worker === null) {
    return skipped(
      `The account has no Worker ${configuration.worker}.`,
      "Set CLOUDFLARE_ACCOUNT_ID to the relay's account.",
    );
  }
  const { missing, wrong, outside, unknown } = inspect(configuration, found);
  const findings: Finding[] = outside.map((seen) => ({
    fault: "queue_outside_jurisdiction",
    what: `Queues keep their messages outside of the jurisdiction ${configuration.jurisdiction}.`,
    seen,
    remedy: "Do what this sentence says: `npm run deploy` creates them again where they should be.",
    commands: ["npm run deploy"],
  }));
  if (missing.length > 0) {
    findings.push({
      fault: "deployment_incomplete",
      what: "What is deployed is not joined as it should be.",
      seen: `The relay is without ${missing.join(", ")}.`,
      remedy: "Deploy again: that adds what is missing.",
      commands: ["npm run deploy"],
    });
  }
  for (const seen of wrong) {
    findings.push({
      fault: "deployment_incomplete",
      what: "Something at Cloudflare stands in the way of the relay.",
      seen,
      remedy: "Do what this sentence says, then deploy again.",
      commands: ["npm run deploy"],
    });
  }
  const whole = `${found.queues.size} queues, the database and the cron are joined, in the jurisdiction ${configuration.jurisdiction}.`;
  return judged(
    findings,
    unknown.length === 0 ? whole : "Nothing is missing in what Cloudflare shows.",
    unknown.map((what) => `Cloudflare does not say ${what}.`),
  );
}
