import type { Config } from "../env.ts";
import { type Attempt, type Outcome, classify } from "../domain/delivery.ts";
import type { Destination } from "../domain/destination.ts";
import { type RelayEvent, isReconciled } from "../domain/event.ts";
import { parseRetryAfter } from "../domain/retry-after.ts";
import { logFailure } from "../platform/log.ts";
import { type Timers, withTimeout } from "../platform/timeout.ts";
import type { World } from "../platform/world.ts";
import { destinationUrlFault } from "./destination-url.ts";
import { TemplateFault } from "./format/fault.ts";
import { renderEvent } from "./format/render.ts";
import { decryptHeaders, withoutValues } from "./own-headers.ts";
import { signingSecrets } from "./secrets.ts";
import { signatureHeaders } from "./sign.ts";

const EXCERPT_BYTES = 512;

/** The status decides: a destination that sends its body slowly must not delay its own success. */
const EXCERPT_TIMEOUT_MS = 500;

const UNDECRYPTABLE =
  "No key of ENCRYPTION_KEYS decrypts the destination's secret and headers: put back the one that is missing.";

export interface PostContext {
  readonly world: World;
  readonly config: Pick<Config, "allowPrivateDestinations" | "encryptionKeys">;
}

/** The invocation may make no more requests. This says nothing about a destination. */
export class NoRequestLeft extends Error {
  override readonly name = "NoRequestLeft";
}

/**
 * Makes one attempt at a delivery. Nothing else in the relay makes requests to destinations. Throws `NoRequestLeft` and
 * nothing else, so that an error with one destination does not stop the others of its batch. `extraHeaders`: in addition to
 * those of every delivery.
 */
export async function post(
  event: RelayEvent,
  destination: Destination,
  attempt: number,
  { world, config }: PostContext,
  extraHeaders: Readonly<Record<string, string>> = {},
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

  const prepared = await prepare(event, destination, { attempt, at }, config).catch((error: unknown) => {
    logFailure("deliver", error, {
      message: "request.prepare_failed",
      destination_id: destination.id,
      event_id: event.id,
    });
    return "The relay could not make this request: its log says why.";
  });
  if (typeof prepared === "string") return toAttempt("refused", { responseExcerpt: prepared });

  // The timeout begins with the call: the caller makes it only when a connection is free.
  const timeout = new AbortController();
  const clearTimer = world.setTimer(destination.timeoutMs, () => timeout.abort());
  const init: RequestInit = {
    method: "POST",
    headers: { ...extraHeaders, ...prepared.headers },
    body: prepared.body,
    redirect: "manual",
    signal: timeout.signal,
  };
  try {
    const response = await send(destination.url, init, world);
    const answer = {
      status: response.status,
      retryAfterSeconds: parseRetryAfter(response.headers.get("retry-after"), world.now()),
      durationMs: world.now() - at,
      responseExcerpt: withoutValues(await readExcerpt(response, world), prepared.ownHeaders),
    };
    return toAttempt(classify(response.status), answer);
  } catch (error) {
    if (timeout.signal.aborted) return toAttempt("timed_out");
    if (says(error, LIMIT_REACHED)) throw new NoRequestLeft(LIMIT_REACHED, { cause: error });
    return toAttempt("unreachable", { responseExcerpt: String(error).slice(0, EXCERPT_BYTES) });
  } finally {
    clearTimer();
  }
}

interface Prepared {
  readonly headers: Record<string, string>;
  /** Those of them that are the destination's own. */
  readonly ownHeaders: Record<string, string>;
  readonly body: Uint8Array;
}

/** Headers and body of a request; or a text that says why it must not be made. */
async function prepare(
  event: RelayEvent,
  destination: Destination,
  { attempt, at }: Pick<Attempt, "attempt" | "at">,
  config: PostContext["config"],
): Promise<Prepared | string> {
  // Checked again: it may no longer be allowed.
  const fault = destinationUrlFault(destination.url, { allowPrivate: config.allowPrivateDestinations });
  if (fault !== null) return `The destination's URL ${fault}.`;
  // Nothing is sent unsigned. The circuit opens, and deliveries wait for the key.
  const secrets = await signingSecrets(destination, at, config.encryptionKeys);
  const ownHeaders = await decryptHeaders(config.encryptionKeys, destination);
  if (secrets === null || ownHeaders === null) return UNDECRYPTABLE;

  const rendered = await renderEvent(event, destination);
  if (rendered instanceof TemplateFault) return `The template cannot be used for this event: ${rendered.message}.`;
  const { body, contentType, contentEncoding } = rendered;
  const headers: Record<string, string> = {
    ...ownHeaders,
    ...(await signatureHeaders({ eventId: event.id, body }, Math.floor(at / 1000), secrets)),
    "x-relay-event-type": event.type,
    "x-relay-attempt": String(attempt),
    "user-agent": "qonto-relay",
    ...(isReconciled(event) ? { "x-relay-reconciled": "true" } : {}),
    ...(contentType === null ? {} : { "content-type": contentType }),
    ...(contentEncoding === null ? {} : { "content-encoding": contentEncoding }),
  };
  return { headers, ownHeaders, body };
}

/**
 * workerd's message when a connection ends before the answer, for example a kept one that the destination has closed. It is
 * the same for a refused connection, which costs another try, but not for a timeout or a DNS fault.
 */
const CONNECTION_LOST = "Network connection lost";

/** Workers limit the requests that one invocation makes. */
const LIMIT_REACHED = "Too many subrequests";

/** Repeats a request whose connection was lost once, under the same timeout. */
async function send(url: string, init: RequestInit, world: Pick<World, "fetch">): Promise<Response> {
  try {
    return await world.fetch(url, init);
  } catch (error) {
    if (init.signal?.aborted === true || !says(error, CONNECTION_LOST)) throw error;
    return world.fetch(url, init);
  }
}

function says(error: unknown, text: string): boolean {
  return error instanceof Error && error.message.includes(text);
}

/** The beginning of the answer's body as text. The rest is not read. */
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
