import { type Result, judged } from "../finding.ts";
import type { Patient } from "../patient.ts";
import type { Diagnostics } from "../relay-facts.ts";

/** What is right on a developer's machine and nowhere else. */
export async function examineConfiguration(patient: Patient): Promise<Result> {
  const { configuration } = await patient.diagnostics();
  return judgeConfiguration(configuration, patient.circumstances.target.isLocal);
}

function judgeConfiguration(
  { allow_private_destinations: isAllowed }: Pick<Diagnostics["configuration"], "allow_private_destinations">,
  isLocal: boolean,
): Result {
  return judged(
    isAllowed === true && !isLocal
      ? [
          {
            fault: "private_destinations_allowed",
            what: "The relay is public and configured as a local one: destinations may be private addresses over plain http, and secrets that everybody knows count.",
            seen: "GET /api/diagnostics: `allow_private_destinations` is true.",
            remedy:
              "Remove ALLOW_PRIVATE_DESTINATIONS: the secret, or the variable in wrangler.toml. Then set what /health names, and replace every secret.",
            commands: ["npx wrangler secret delete ALLOW_PRIVATE_DESTINATIONS"],
          },
        ]
      : [],
    isLocal ? "It is configured for this machine." : "It is not configured as a local one.",
  );
}
