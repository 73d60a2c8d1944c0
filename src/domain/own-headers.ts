/** A destination's own request headers: what may be one. The relay's own always win, and none of these can change them. */

const MAX_HEADERS = 20;
const MAX_VALUE_CHARACTERS = 4_096;
/** Names and values. Receivers refuse requests whose headers are larger than some kilobytes. */
const MAX_CHARACTERS = 8_192;

/** A token of RFC 9110. */
const namePattern = /^[!#$%&'*+.^_`|~\dA-Za-z-]{1,100}$/;

/** Visible ASCII, with blanks inside: all that every server reads alike. Line breaks would begin another header. */
const valuePattern = /^(?:[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?)?$/;

/** What the relay sends itself, and what would change how the request is read or how far it goes. */
const reservedNames = new Set([
  "webhook-id",
  "webhook-timestamp",
  "webhook-signature",
  "x-qonto-signature",
  "qonto-sha256-signature",
  "content-type",
  "content-encoding",
  "user-agent",
  "host",
  "content-length",
  "connection",
  "transfer-encoding",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "upgrade",
  "expect",
]);
const reservedPrefixes = ["x-relay-", "cf-", "proxy-", "sec-"];
/** By these a destination behind Cloudflare Access lets in a service. */
const allowedNames = new Set(["cf-access-client-id", "cf-access-client-secret"]);

/** `name` is null where all of them together are at fault. */
export interface HeaderFault {
  readonly name: string | null;
  readonly message: string;
}

/** Why headers may not be a destination's own; empty when they may. */
export function headerFaults(headers: Readonly<Record<string, string>>): HeaderFault[] {
  const names = Object.keys(headers).map((name) => name.toLowerCase());
  const faults = Object.entries(headers).flatMap(([name, value]): HeaderFault[] => {
    const message = nameFault(name, names) ?? valueFault(value);
    return message === null ? [] : [{ name, message }];
  });
  const size = Object.entries(headers).reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  if (names.length > MAX_HEADERS) faults.push({ name: null, message: `must be at most ${MAX_HEADERS}` });
  if (size > MAX_CHARACTERS) {
    faults.push({ name: null, message: `must have at most ${MAX_CHARACTERS} characters together` });
  }
  return faults;
}

function nameFault(name: string, names: readonly string[]): string | null {
  const lowerCase = name.toLowerCase();
  if (!namePattern.test(name)) return "is no name of an HTTP header";
  const isReserved = reservedNames.has(lowerCase) || reservedPrefixes.some((prefix) => lowerCase.startsWith(prefix));
  if (isReserved && !allowedNames.has(lowerCase)) return "is set by the relay or the network";
  return names.filter((one) => one === lowerCase).length > 1 ? "is there twice: case does not count" : null;
}

function valueFault(value: string): string | null {
  if (value.length > MAX_VALUE_CHARACTERS) return `must have at most ${MAX_VALUE_CHARACTERS} characters`;
  return valuePattern.test(value) ? null : "must be visible ASCII, with blanks inside only, and without line breaks";
}
