import { z } from "zod";
import type { ReconciledEvent } from "../../../reconciliation/compare.ts";
import { Fault } from "../../fault.ts";
import { type RelayClient, RelayRefusal } from "../../relay-client.ts";
import { WEBHOOK_PATH, meaningOf, postWebhook } from "../../webhook.ts";
import type { World } from "../../world.ts";
import { eventPath } from "../events.ts";

/** The relay, and a secret that its webhook knows. */
export interface Receiver {
  readonly relay: RelayClient;
  readonly secret: string;
  readonly secretFrom: string;
  readonly world: World;
}

/** `already_recorded`: an earlier run applied it. `refused`: the relay cannot accept this one event. */
export type Applied = "applied" | "already_recorded" | "refused";

const ANSWERS_WITHIN_MS = 10_000;
/** Waits before the retries, for a relay that is unavailable for a moment. */
const RETRY_WAITS_MS = [500, 1_000, 2_000, 4_000, 8_000];

/** For a proxy in front of the relay. The relay and its destinations read the id, which is signed. */
const headers = { "x-relay-reconciled": "true" };

const accepted = z.object({ status: z.enum(["accepted", "duplicate"]) });

/** Sends an event to the webhook, signed as Qonto signs, unless the relay has it. Throws when the relay accepts none. */
export async function applyEvent({ id, body }: ReconciledEvent, receiver: Receiver): Promise<Applied> {
  const { relay, secret, secretFrom, world } = receiver;
  if (await isRecorded(relay, id)) return "already_recorded";
  const bytes = new TextEncoder().encode(body);
  for (let retry = 0; ; retry += 1) {
    // Signed again for each try: the relay refuses a signature that is minutes old.
    const timestampSeconds = Math.floor(world.now() / 1000);
    const answer = await postWebhook(
      relay.url + WEBHOOK_PATH,
      { source: "business", body: bytes, secret, timestampSeconds },
      { world, answersWithinMs: ANSWERS_WITHIN_MS, headers },
    );
    const { status, reason } = answer;
    if (status === 200) return appliedOf(answer.body);
    // The next event may be smaller.
    if (status === 413) return "refused";
    const waitMs = RETRY_WAITS_MS[retry];
    if (waitMs === undefined || (status !== null && status < 500)) {
      const why = status === null ? `no answer: ${reason}` : `status ${status}`;
      const remedy = status === null ? null : meaningOf(answer, secretFrom);
      throw new Fault(`The relay does not accept the event: ${why}.`, remedy === null ? {} : { remedy });
    }
    await world.wait(waitMs);
  }
}

function appliedOf(answer: unknown): Applied {
  const status = accepted.safeParse(answer).data?.status;
  if (status === undefined) {
    throw new Fault("What answers at the relay's webhook is not the relay.", { remedy: "Look at --url or RELAY_URL." });
  }
  return status === "accepted" ? "applied" : "already_recorded";
}

async function isRecorded(relay: RelayClient, eventId: string): Promise<boolean> {
  try {
    await relay.get(eventPath(eventId), z.object({ id: z.string() }));
    return true;
  } catch (error) {
    if (error instanceof RelayRefusal && error.code === "not_found") return false;
    throw error;
  }
}
