import type { ConsoleContext } from "./requests.ts";

interface Flash {
  readonly kind: "ok" | "info" | "bad";
  readonly text: string;
}

const ok = (text: string): Flash => ({ kind: "ok", text });
const info = (text: string): Flash => ({ kind: "info", text });
const bad = (text: string): Flash => ({ kind: "bad", text });

/** What a page says of the action that led to it. The query names one of these, and the numbers for `{1}` and `{2}`. */
const flashes = {
  "destination-created-before": info(
    "This form was already sent, and its destination exists. The secret was shown then. Rotate it if nobody has it.",
  ),
  "destination-changed": ok("The destination is changed."),
  "destination-unchanged": info("The form held no change."),
  "destination-paused": ok(
    "The destination is paused. Its pending deliveries wait until it is resumed. Events that arrive meanwhile are not sent to it; replay them afterwards.",
  ),
  "destination-resumed": ok(
    "The destination is active, and its pending deliveries are attempted now. If its circuit is open, one goes first as a probe.",
  ),
  "destination-deleted": ok("The destination is deleted. Its pending deliveries are dead."),
  "secret-not-rotated": info("Nothing was rotated: the destination changed since the form was opened. Try again."),
  "replay-started": ok("The replay has started. Its progress is shown below."),

  "event-replayed": ok("The event is sent to each destination that matches and does not have it."),
  "event-replayed-to-destination": ok("The event is sent to that destination. The answer appears under its name."),
  "event-not-replayed": info("Nothing was sent: each matching destination has the event, or is being sent it."),
  "event-busy": info("Nothing was sent: an attempt at that destination is running."),

  "connection-created": ok(
    "The organization is connected. Within a minute the relay creates its subscription and begins to read its state.",
  ),
  "authorization-denied": info("Consent was refused at Qonto. Nothing was changed."),
  "authorization-used": info(
    "This answer of Qonto was used before, and nothing was changed. If the organization is not below, connect it again.",
  ),
  "authorization-expired": bad("The consent came after more than ten minutes. Nothing was changed: connect again."),
  "authorization-unavailable": bad("Qonto did not answer the relay. Nothing was changed: connect again in a minute."),
  "authorization-without-refresh-token": bad(
    "Qonto granted no refresh token, without which the connection would end in an hour. Nothing was changed: allow the scope offline_access for the application at Qonto, then connect again.",
  ),
  "authorization-failed": bad(
    "Qonto did not take the relay's request for tokens. Nothing was changed: check QONTO_CLIENT_ID, QONTO_CLIENT_SECRET, the redirect URI and the scopes of the application, then connect again. QONTO_TYPES narrows the scopes that the relay asks for.",
  ),
  "reconciliation-requested": ok(
    "The reconciliation begins with the next run of the cron, within a minute, or else once there are new tokens. Its progress is shown below.",
  ),
  "connection-removed": ok("The organization is disconnected. What the relay has received of it remains."),

  "dead-letter-replayed": ok(
    "The message is back in its queue and is handled within seconds. Replaying it again is harmless.",
  ),
  "dead-letter-deleted": ok("The dead letter is deleted. Only the audit record remains."),

  "quarantine-released": ok(
    "The event is released and is sent to the destinations that match. Releasing it again sends nothing.",
  ),
  "quarantine-settled-before": info("The event was released or received before. Nothing was sent a second time."),
  "quarantine-deleted": ok("The event is deleted. No destination gets it, and only the audit record remains."),
  "quarantine-released-all": ok("Released: {1}. Each event is sent once to the destinations that match."),
  "quarantine-released-some": bad(
    "Released: {1}. Not released: {2}, which remain below. Release them again in a moment.",
  ),
} as const satisfies Readonly<Record<string, Flash>>;

export type Done = keyof typeof flashes;

/** `done` is a key of `flashes`, with its numbers behind dots. Null for anything that no action writes. */
export function readFlash(done = ""): Flash | null {
  const [name = "", ...numbers] = done.split(".");
  if (!Object.hasOwn(flashes, name) || !numbers.every((number) => /^\d{1,4}$/.test(number))) return null;
  const { kind, text } = flashes[name as Done];
  return { kind, text: text.replaceAll(/\{(\d)\}/g, (_, place: string) => numbers[Number(place) - 1] ?? "0") };
}

/** The address of a page that says what was done. */
export function addressDone(address: string, done: Done, numbers: readonly number[] = []): string {
  const [path = "", hash] = address.split("#");
  return `${path}?done=${[done, ...numbers].join(".")}${hash === undefined ? "" : `#${hash}`}`;
}

/** Leads from an action to it. */
export function redirectDone(
  c: ConsoleContext,
  address: string,
  done: Done,
  numbers: readonly number[] = [],
): Response {
  return c.redirect(addressDone(address, done, numbers), 303);
}
