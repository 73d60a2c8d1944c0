import type { Config } from "../env.ts";
import { type Attempt, type Outcome, classify } from "../domain/delivery.ts";
import type { Destination } from "../domain/destination.ts";
import { type RelayEvent, bodyBytes, isReconciled } from "../domain/event.ts";
import { parseRetryAfter } from "../domain/retry-after.ts";
import { type Timers, abortAfter, withTimeout } from "../platform/timeout.ts";
import type { World } from "../platform/world.ts";
import { destinationUrlFault } from "./destination-url.ts";
import { signingSecrets } from "./secrets.ts";
import { signatureHeaders } from "./sign.ts";

const EXCERPT_BYTES = 512;

/** The status decides; a team that dribbles its body must not hold up its own success. */
const EXCERPT_TIMEOUT_MS = 500;

const UNOPENED_SECRET = "No key of ENCRYPTION_KEYS opens the destination's secret: put back the one that is missing.";

export interface Posting {
  readonly world: World;
  /** Beside those that every delivery bears. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly config: Pick<Config, "allowPrivateDestinations" | "encryptionKeys">;
}

/** Makes one attempt at a delivery: the only request that leaves the relay. Never throws for what the team does. */
export async function post(
  event: RelayEvent,
  destination: Destination,
  attempt: number,
  { world, config, headers: extraHeaders }: Posting,
): Promise<Attempt> {
  const at = world.now();
  const toAttempt = (outcome: Outcome, answer: Partial<Attempt> = {}): Attempt => ({
    attempt,
    at,
    outcome,
    status: null,
    responseExcerpt: null,
    retryAfterSeconds: null,
    durationMs: world.now() - at,
    ...answer,
  });

  // Checked again here: what was allowed when the destination was made may not be now.
  const fault = destinationUrlFault(destination.url, { allowPrivate: config.allowPrivateDestinations });
  if (fault !== null) return toAttempt("refused", { responseExcerpt: `The destination's URL ${fault}.` });
  // Not sent unsigned. The breaker has what is owed wait for the key to be given back.
  const secrets = await signingSecrets(destination, at, config.encryptionKeys);
  if (secrets === null) return toAttempt("refused", { responseExcerpt: UNOPENED_SECRET });

  const body = bodyBytes(event);
  const headers: Record<string, string> = {
    ...(await signatureHeaders({ eventId: event.id, body }, Math.floor(at / 1000), secrets)),
    "x-relay-event-type": event.type,
    "x-relay-attempt": String(attempt),
    "user-agent": "qonto-relay",
    ...(isReconciled(event) ? { "x-relay-reconciled": "true" } : {}),
    ...extraHeaders,
    ...(event.contentType === null ? {} : { "content-type": event.contentType }),
  };
  // The clock of the limit starts with the call, which its caller makes only when a connection is free.
  const { signal, clear } = abortAfter(destination.timeoutMs, world);
  try {
    const response = await world.fetch(destination.url, { method: "POST", headers, body, redirect: "manual", signal });
    const answer = {
      status: response.status,
      retryAfterSeconds: parseRetryAfter(response.headers.get("retry-after"), world.now()),
      durationMs: world.now() - at,
      responseExcerpt: await readExcerpt(response, world),
    };
    return toAttempt(classify(response.status), answer);
  } catch (error) {
    if (signal.aborted) return toAttempt("timed_out");
    return toAttempt("unreachable", { responseExcerpt: String(error).slice(0, EXCERPT_BYTES) });
  } finally {
    clear();
  }
}

/** The answer's beginning as text. The rest is never read, and its connection is released. */
async function readExcerpt({ body }: Response, timers: Timers): Promise<string> {
  if (body === null) return "";
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  let size = 0;
  const reading = (async () => {
    while (size < EXCERPT_BYTES) {
      const { done, value } = await reader.read();
      if (done) return;
      const chunk = value.subarray(0, EXCERPT_BYTES - size);
      size += chunk.length;
      text += decoder.decode(chunk, { stream: true });
    }
  })();
  await withTimeout(reading, EXCERPT_TIMEOUT_MS, timers);
  reader.cancel().catch(() => undefined);
  return text;
}
