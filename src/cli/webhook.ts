import { z } from "zod";
import type { Source } from "../domain/event.ts";
import type { Secret } from "../platform/hmac.ts";
import { tryParseJson } from "../platform/json.ts";
import { signAsQonto } from "../qonto/signature.ts";
import { isFromAccess } from "./cloudflare-access.ts";
import { sendInTime } from "./network.ts";
import type { World } from "./world.ts";

/** Where the relay takes webhooks. */
export const WEBHOOK_PATH = "/webhooks/qonto";

/** How long Qonto waits for an answer. Then it hangs up, and sends again later. */
export const QONTO_WAITS_MS = 1_000;

export interface SignedEvent {
  readonly source: Source;
  readonly body: Uint8Array<ArrayBuffer>;
  /** Null: it is not signed. */
  readonly secret: Secret | null;
  readonly timestampSeconds: number;
}

/** What a receiver answered to a webhook. */
export interface WebhookAnswer {
  /** Null when no answer came. */
  readonly status: number | null;
  /** Parsed JSON; else the beginning of the text. */
  readonly body: unknown;
  /** The relay's code of a refusal; null when the answer has none. */
  readonly code: string | null;
  /** Whether it is the relay's answer to an event that it accepted. */
  readonly accepted: boolean;
  readonly location: string | null;
  /** Whether Cloudflare Access answered in the receiver's place. */
  readonly isFromAccess: boolean;
  /** Why no answer came; null when one did. */
  readonly reason: string | null;
  readonly durationMs: number;
}

const answerBody = z.object({ status: z.unknown().optional(), code: z.string().optional() });
const EXCERPT_CHARACTERS = 1_000;

/** Posts an event to a webhook address, signed as Qonto signs. */
export async function postWebhook(
  url: string,
  { source, body, secret, timestampSeconds }: SignedEvent,
  {
    world,
    answersWithinMs,
    headers = {},
  }: {
    readonly world: World;
    readonly answersWithinMs: number;
    readonly headers?: Readonly<Record<string, string>>;
  },
): Promise<WebhookAnswer> {
  const signature = secret === null ? {} : await signAsQonto(source, body, { secret, timestampSeconds });
  const sent = { "content-type": "application/json", ...headers, ...signature };
  const startedAt = world.elapsedMs();
  const outcome = await sendInTime(url, { method: "POST", headers: sent, body, answersWithinMs }, world);
  const durationMs = world.elapsedMs() - startedAt;
  if (outcome.status === null) {
    return { ...outcome, body: null, code: null, accepted: false, location: null, isFromAccess: false, durationMs };
  }
  const { status, text } = outcome;
  const json = tryParseJson(text);
  const { status: result, code = null } = answerBody.safeParse(json).data ?? {};
  return {
    status,
    body: json ?? text.slice(0, EXCERPT_CHARACTERS),
    code,
    accepted: status >= 200 && status < 300 && result === "accepted",
    location: outcome.headers.get("location"),
    isFromAccess: code === null && isFromAccess(outcome, url),
    reason: null,
    durationMs,
  };
}

/** An answer in a few words. */
export function describeAnswer({ status, code, reason }: WebhookAnswer): string {
  if (status === null) return reason ?? "no answer";
  return code === null ? String(status) : `${status} ${code}`;
}

const meanings: Readonly<Record<string, string>> = {
  timestamp_too_old:
    "The timestamp is older than the relay allows. It is kept in quarantine, where you can release it.",
  timestamp_in_future: "The timestamp is ahead of the relay's clock by more than it allows: look at both clocks.",
  signature_missing: "No signature reached the relay: something on the way drops the header.",
  signature_malformed: "The signature did not reach the relay as it was sent: something on the way changes the header.",
  body_too_large: "The body is larger than the relay's MAX_BODY_BYTES.",
  body_timeout: "The body did not reach the relay whole in time: something on the way is slow, or cuts it off.",
  not_configured:
    "The relay has no secret for this system, or a variable that it cannot read: its /health says which. `npx wrangler secret put` it, or put it into .dev.vars.",
  not_ready:
    "The relay's database lacks migrations; Qonto would send it again. Run `npm run deploy`, or restart a local one.",
  not_stored: "Neither D1 nor the queue took it in time; Qonto would send it again. Look at the relay's /health.",
};

/** What a receiver's answer means and what to do; null for a 2xx. */
export function meaningOf(answer: WebhookAnswer, secretFrom: string): string | null {
  const { status, code } = answer;
  if (status === null) return `No answer: ${answer.reason ?? ""}. Qonto would send it again later.`;
  if (status >= 200 && status < 300) return null;
  if (code === "signature_mismatch") {
    return `The receiver does not know the secret that this was signed with (${secretFrom}): compare it with the receiver's own.`;
  }
  const meaning = meanings[code ?? ""];
  if (meaning !== undefined) return meaning;
  if (answer.isFromAccess)
    return "Cloudflare Access protects the address, and Qonto cannot log in: add a Bypass policy for its path.";
  if (status >= 300 && status < 400) return "It redirects, which Qonto does not follow: use the address it leads to.";
  if (status === 404 || status === 405)
    return `Nothing takes webhooks at this address: the relay's path is ${WEBHOOK_PATH}.`;
  if (status === 401 || status === 403)
    return "Something before the relay asks for a login: Qonto has none. Let this path through.";
  return "The receiver refuses it; Qonto would send it again later.";
}
