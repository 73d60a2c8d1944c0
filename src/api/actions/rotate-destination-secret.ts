import { readConfig } from "../../env.ts";
import { makeSecret } from "../../outbound/secrets.ts";
import type { World } from "../../platform/world.ts";
import { rotateSecret } from "../../store/destination-secrets.ts";
import { audited } from "../audited.ts";
import { refuse } from "../refusals.ts";
import { type Acting, notFound } from "../requests.ts";

/**
 * Gives a destination another secret and returns it; the present one signs as well until the overlap ends. Throws
 * `too_many_rotations` when it would be one too many.
 */
export async function rotateDestinationSecret(
  c: Acting,
  world: World,
  id: string,
  overlapSeconds: number,
  now = world.now(),
): Promise<string> {
  const { secret, encrypted } = await makeSecret(readConfig(c.env).encryptionKeys, id, world);
  const previousUntil = now + overlapSeconds * 1000;
  await audited(c, world, {
    action: "destination.secret_rotated",
    subject: id,
    make: async () => {
      const rotated = await rotateSecret(c.env.DB, id, { encrypted, previousUntil }, now);
      if (rotated.state === "unknown") throw notFound("destination");
      if (rotated.state === "too_many") throw tooManyRotations(rotated.possibleAt);
    },
    after: () => ({ overlap_seconds: overlapSeconds }),
  });
  return secret;
}

function tooManyRotations(possibleAt: number) {
  const at = new Date(possibleAt).toISOString();
  return refuse("too_many_rotations", {
    detail: `Five secrets sign already. The next rotation is possible at ${at}, or now without an overlap, which ends the others at once.`,
  });
}
