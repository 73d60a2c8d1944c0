import { z } from "zod";
import { tryParseJson } from "../../../platform/json.ts";
import { signAsQonto } from "../../../qonto/signature.ts";
import { isFromAccess } from "../../cloudflare-access.ts";
import { Fault } from "../../fault.ts";
import { networkReason } from "../../network.ts";
import type { RelayClient } from "../../relay-client.ts";
import type { World } from "../../world.ts";
import { meaningOf } from "../meaning-of-answer.ts";
import { isRecorded } from "./known.ts";
import type { ReconciledEvent } from "./reconciled-event.ts";

/** The relay's webhook, and how to be let in. */
export interface Road {
  readonly relay: RelayClient;
  readonly secret: string;
  readonly secretFrom: string;
  readonly world: World;
}

/** `already_recorded`: by an earlier run; it is on its way. `refused`: the relay cannot take this one. */
export type Passage = "applied" | "already_recorded" | "refused";

const ANSWERS_WITHIN_MS = 10_000;
/** Waits between tries, for a relay that cannot take it just now. */
const BACK_OFF_MS = [500, 1_000, 2_000, 4_000, 8_000];

/** For anyone stands before the relay. The relay itself, and the destinations behind it, are told by the id, which is signed. */
const MARK = { "x-relay-reconciled": "true" };

const accepted = z.object({ status: z.enum(["accepted", "duplicate"]) });

/** Sends an event down the road of all events, signed as Qonto signs, unless the relay has it. Throws when none gets through. */
export async function putThrough(event: ReconciledEvent, road: Road): Promise<Passage> {
  if (await isRecorded(road.relay, event.id)) return "already_recorded";
  const body = Uint8Array.from(new TextEncoder().encode(event.body));
  for (const backOffMs of [...BACK_OFF_MS, null]) {
    const { status, reason, ...posted } = await post(body, road);
    const { answer } = posted;
    if (status === 200) return passageOf(answer);
    // An event alone cannot help its size.
    if (status === 413) return "refused";
    if (backOffMs === null || (status !== null && status < 500)) {
      const why = status === null ? `no answer: ${reason}` : `status ${status}`;
      const meaning = status === null ? null : meaningOf({ status, ...posted }, road.secretFrom);
      throw new Fault(`The relay does not take the event: ${why}.`, meaning === null ? {} : { remedy: meaning });
    }
    await road.world.wait(backOffMs);
  }
  throw new Error("There is always a last try");
}

function passageOf(answer: unknown): Passage {
  const status = accepted.safeParse(answer).data?.status;
  if (status === undefined) {
    throw new Fault("What answers at the relay's webhook is not the relay.", { remedy: "Look at --url or RELAY_URL." });
  }
  return status === "accepted" ? "applied" : "already_recorded";
}

async function post(
  body: Uint8Array<ArrayBuffer>,
  { relay, secret, world: { now, timeout, fetch } }: Road,
): Promise<{ status: number | null; answer: unknown; isFromAccess: boolean; reason: string }> {
  // Signed anew for each try: the relay takes no signature that is minutes old.
  const signature = await signAsQonto("business", body, { secret, timestampSeconds: Math.floor(now() / 1000) });
  const url = `${relay.url}/webhooks/qonto`;
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", ...MARK, ...signature },
      body,
      redirect: "manual",
      signal: timeout(ANSWERS_WITHIN_MS),
    });
    const answer = tryParseJson(await response.text());
    return { status: response.status, answer, isFromAccess: isFromAccess(response, url), reason: "" };
  } catch (error) {
    return { status: null, answer: undefined, isFromAccess: false, reason: networkReason(error) };
  }
}
