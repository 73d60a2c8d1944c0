import { readConfig } from "../../env.ts";
import { makeSecret } from "../../outbound/secrets.ts";
import type { World } from "../../platform/world.ts";
import { rotateSecret } from "../../store/destination-secrets.ts";
import { audited } from "../audited.ts";
import { type Acting, notFound } from "../requests.ts";

/** Gives a team another secret and returns it; the present one signs as well until the overlap ends. */
export async function rotateTeamSecret(c: Acting, world: World, id: string, overlapSeconds: number): Promise<string> {
  const now = world.now();
  const { secret, sealed } = await makeSecret(readConfig(c.env).encryptionKeys, id, world);
  const previousUntil = now + overlapSeconds * 1000;
  await audited(c, world, {
    action: "destination.secret_rotated",
    subject: id,
    make: async () => {
      if (!(await rotateSecret(c.env.DB, id, { sealed, previousUntil }, now))) throw notFound("destination");
    },
    after: () => ({ overlap_seconds: overlapSeconds }),
  });
  return secret;
}
