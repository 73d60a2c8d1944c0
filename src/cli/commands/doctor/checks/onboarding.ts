import { sourceOfType } from "../../../../qonto/sample-event.ts";
import { type Result, judged, skipped } from "../finding.ts";
import type { Patient } from "../patient.ts";
import type { Diagnostics } from "../relay-facts.ts";

/** The Onboarding API does not tell what is registered with it: the relay tells whether it is ready, and what came. */
export async function examineOnboarding(patient: Patient): Promise<Result> {
  const { partnerId, secrets } = patient.circumstances;
  const diagnostics = await patient.diagnostics();
  if (partnerId === null && secrets.onboarding === null && diagnostics.configuration.secrets.onboarding === 0) {
    return skipped("The Onboarding API is not used.", "If it is: QONTO_PARTNER_ID and QONTO_ONBOARDING_SECRETS.");
  }
  return judgeOnboarding(diagnostics);
}

function judgeOnboarding({ configuration, traffic }: Diagnostics): Result {
  const came = traffic.filter(({ type }) => sourceOfType(type) === "onboarding");
  const last = Math.max(...came.map(({ last_received_at }) => last_received_at));
  return judged(
    configuration.secrets.onboarding > 0
      ? []
      : [
          {
            fault: "onboarding_secret_missing",
            what: "The Onboarding API is used, but the relay lacks its secret and refuses its events.",
            seen: "QONTO_PARTNER_ID or QONTO_ONBOARDING_SECRETS is set here; the relay has no onboarding secret.",
            remedy: "Give it the secret; of a local one, put it into .dev.vars and restart it.",
            commands: ["npx wrangler secret put QONTO_ONBOARDING_SECRETS"],
          },
        ],
    came.length === 0
      ? "The relay has its secret; no event of it has come in the last 30 days."
      : `The relay has its secret; the last event came at ${new Date(last).toISOString()}.`,
    came.length === 0 ? ["Qonto does not tell what is registered with it: `onboarding register` sets it again."] : [],
  );
}
