import { z } from "zod";

const problem = z.object({ code: z.string() });

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

interface ReceiverAnswer {
  readonly status: number;
  /** Its body. */
  readonly answer: unknown;
  /** Whether Cloudflare Access gave it, before the receiver. */
  readonly isFromAccess: boolean;
}

/** What a receiver's refusal means and what to do; null for a 2xx. */
export function meaningOf({ status, answer, isFromAccess }: ReceiverAnswer, secretFrom: string): string | null {
  if (status >= 200 && status < 300) return null;
  const code = problem.safeParse(answer).data?.code ?? "";
  if (code === "signature_mismatch") {
    return `The receiver does not know the secret that this was signed with (${secretFrom}): compare it with the receiver's own.`;
  }
  const meaning = meanings[code];
  if (meaning !== undefined) return meaning;
  if (isFromAccess)
    return "Cloudflare Access stands before the address, and Qonto cannot log in: add a Bypass policy for its path.";
  if (status >= 300 && status < 400) return "It redirects, which Qonto does not follow: use the address it leads to.";
  if (status === 404 || status === 405)
    return "Nothing takes webhooks at this address: the relay's path is /webhooks/qonto.";
  if (status === 401 || status === 403)
    return "Something before the relay asks for a login: Qonto has none. Let this path through.";
  return "The receiver refuses it; Qonto would send it again later.";
}
