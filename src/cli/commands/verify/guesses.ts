import { unzipSync } from "node:zlib";
import { type Secret, withPrefix } from "../../../platform/hmac.ts";
import { isObject, parseJsonLosslessly, sortKeys, tryDecodeUtf8, tryParseJson } from "../../../platform/json.ts";
import type { Claim } from "./read-claim.ts";
import {
  type BodyMistakeCode,
  type Mistake,
  bodyMistake,
  millisecondsSignedSecondsSent,
  secretMistake,
  secretWithWhiteSpace,
  signedBytesMistake,
} from "./mistakes.ts";

export type Bytes = Uint8Array<ArrayBuffer>;

/** What may have been signed, or signed with. The first of a list is the right one and no mistake. */
interface Guess<Value> {
  readonly value: Value;
  readonly mistake: Mistake | null;
}

/** Leaves out what equals a guess before it. */
function distinct<Value extends Secret>(guesses: readonly Guess<Value>[]): Guess<Value>[] {
  const seen = new Set<string>();
  return guesses.filter(({ value }) => {
    const key = typeof value === "string" ? `text:${value}` : `bytes:${value.toBase64()}`;
    return !seen.has(key) && seen.add(key);
  });
}

const PREFIX = "whsec_";

/** The keys that people make of a secret. */
export function guessKeys(secret: string): Guess<Secret>[] {
  const trimmed = secret.trim();
  const unquoted = trimmed.replace(/^(["'])(.*)\1$/s, "$2");
  const withoutPrefix = unquoted.startsWith(PREFIX) ? unquoted.slice(PREFIX.length) : unquoted;
  const guessKey = (value: Secret, code: string, how: string, remedy?: string): Guess<Secret> => ({
    value,
    mistake: secretMistake(code, how, remedy),
  });
  const unquotedRemedy = "Take the quotes out of the variable: not every tool that reads it removes them.";
  // Empty where the secret is not written so.
  const bytesOf = (encoding: "base64" | "hex", pattern: RegExp): Bytes =>
    Uint8Array.from(pattern.test(withoutPrefix) ? Buffer.from(withoutPrefix, encoding) : []);
  const base64 = bytesOf("base64", /^[A-Za-z0-9+/_-]{4,}={0,2}$/);
  const guesses: Guess<Secret>[] = [
    { value: secret, mistake: null },
    { value: trimmed, mistake: secretWithWhiteSpace },
    guessKey(unquoted, "secret_in_quotes", "without the quotes around it", unquotedRemedy),
    guessKey(`${secret}\n`, "secret_with_white_space", "with a line break behind it"),
    guessKey(`"${secret}"`, "secret_in_quotes", "with quotes around it"),
    guessKey(withoutPrefix, "secret_prefix_stripped", "without its `whsec_`"),
    guessKey(PREFIX + secret, "secret_prefix_missing", "with `whsec_` before it"),
    guessKey(base64, "secret_base64_decoded", "decoded from base64, as Standard Webhooks does it"),
    guessKey(bytesOf("hex", /^([0-9a-f]{2})+$/i), "secret_hex_decoded", "decoded from hexadecimal"),
  ];
  return distinct(guesses.filter(({ value }) => value.length > 0));
}

/** `login:key` of Qonto's API, a JWT, or an OAuth access token. */
export function looksLikeApiKey(secret: string): boolean {
  const text = secret.trim().replace(/^Bearer +/i, "");
  return (
    text !== secret.trim() ||
    /^[a-z0-9][a-z0-9-]*-?\d*:[0-9a-f]{16,}$/i.test(text) ||
    /^eyJ[\w-]+\.[\w-]+\.[\w-]*$/.test(text) ||
    /^ory_[a-z]+_/.test(text)
  );
}

/** What is signed, made of a body. */
type Framing = (body: Bytes) => Bytes;

/** The ways in which people put timestamp and body together. */
export function guessFramings({ scheme, timestamp }: Claim): Guess<Framing>[] {
  const bodyAlone: Framing = (body) => body;
  if (scheme === "onboarding") return [{ value: bodyAlone, mistake: null }];
  const guess = (value: Framing, code: string, what: string, remedy?: string): Guess<Framing> => ({
    value,
    mistake: signedBytesMistake(code, what, remedy),
  });
  const onlyBody = guess(
    bodyAlone,
    "timestamp_not_signed",
    "the body without the timestamp. That is the Onboarding API's scheme (Qonto-SHA256-Signature); the Business API's signs the timestamp too",
  );
  if (timestamp === null) return [onlyBody];
  const prefixed =
    (prefix: string): Framing =>
    (body) =>
      withPrefix(prefix, body);
  return [
    { value: prefixed(`${timestamp}.`), mistake: null },
    onlyBody,
    isInMilliseconds(timestamp)
      ? guess(
          prefixed(`${timestamp.slice(0, -3)}.`),
          "timestamp_in_milliseconds",
          "the timestamp in seconds, but the header gives it in milliseconds",
          "Write Unix seconds in the header, as in what is signed.",
        )
      : { value: prefixed(`${timestamp}000.`), mistake: millisecondsSignedSecondsSent },
    guess(prefixed(timestamp), "dot_not_signed", "timestamp and body without the dot between them"),
    guess(prefixed(`t=${timestamp}.`), "label_signed", "`t=` before the timestamp, which is not signed"),
    guess(
      (body) => Buffer.concat([body, Buffer.from(`.${timestamp}`)]),
      "wrong_order_signed",
      "the body first, the timestamp behind it",
    ),
    guess(
      (body) => withPrefix(`${eventIdOf(body)}.${timestamp}.`, body),
      "event_id_signed",
      "event id, timestamp and body, as Standard Webhooks signs",
    ),
  ];
}

/** As seconds it would be past the year 5000. */
export function isInMilliseconds(timestamp: string): boolean {
  return Number(timestamp) >= 100_000_000_000;
}

function eventIdOf(body: Bytes): string {
  const json = tryParseJson(Buffer.from(body).toString());
  return isObject(json) && typeof json["id"] === "string" ? json["id"] : "";
}

/** The bodies that may have been signed when it was not this one, from the likely to the odd. */
export function guessBodies(body: Bytes): Guess<Bytes>[] {
  const text = tryDecodeUtf8(body);
  return distinct<Bytes>([
    { value: body, mistake: null },
    ...(text === undefined ? [] : fromText(text)),
    ...fromEncodings(body, text),
    guessBody("", "empty_body_signed", "when it was empty"),
  ]);
}

function guessBody(body: string | Uint8Array, code: BodyMistakeCode, how: string): Guess<Bytes> {
  const value = typeof body === "string" ? new TextEncoder().encode(body) : new Uint8Array(body);
  return { value, mistake: bodyMistake(code, how) };
}

function fromText(text: string): Guess<Bytes>[] {
  const withoutMark = text.replace(/^\uFEFF/, "");
  return [
    guessBody(text.trimEnd(), "body_trailing_newline", "without the white space at its end"),
    guessBody(`${text}\n`, "body_trailing_newline", "with a line break at its end"),
    guessBody(`${text}\r\n`, "body_trailing_newline", "with a line break (CRLF) at its end"),
    guessBody(text.replaceAll("\r\n", "\n"), "body_line_endings", "with LF as its line endings"),
    guessBody(text.replaceAll(/\r?\n/g, "\r\n"), "body_line_endings", "with CRLF as its line endings"),
    guessBody(withoutMark, "body_byte_order_mark", "without its byte-order mark"),
    guessBody(`\uFEFF${withoutMark}`, "body_byte_order_mark", "with a byte-order mark before it"),
    ...fromJson(withoutMark),
  ];
}

function fromJson(text: string): Guess<Bytes>[] {
  const plain = tryParseJson(text);
  if (plain === undefined) return [];
  return [
    ...(typeof plain === "string"
      ? [guessBody(plain, "body_encoded_twice", "taken out of a JSON string: it was encoded twice")]
      : []),
    // Parsing loses how a number was written (12.50); some parsers do, some do not.
    ...[parseJsonLosslessly(text), plain].flatMap(reserialised),
    ...(isObject(plain) && isObject(plain["data"])
      ? [guessBody(JSON.stringify(plain["data"]), "only_data_signed", "cut down to its `data`")]
      : []),
  ];
}

const styles: readonly (readonly [string, (json: unknown) => string])[] = [
  ["compact, as JSON.stringify writes it", (json) => JSON.stringify(json)],
  ["indented by 2 spaces", (json) => JSON.stringify(json, null, 2)],
  ["indented by 4 spaces", (json) => JSON.stringify(json, null, 4)],
  ["indented by tabs", (json) => JSON.stringify(json, null, "\t")],
  ["with a space behind `,` and `:`, as Python writes it", onOneLine],
];

const escapes: readonly (readonly [string, (json: string) => string])[] = [
  ["", (json) => json],
  [", slashes escaped as PHP does", escapeSlashes],
  [", what is not ASCII escaped", escapeUnicode],
  [", slashes and what is not ASCII escaped as PHP does", (json) => escapeUnicode(escapeSlashes(json))],
  [", `<`, `>` and `&` escaped as Go does", (json) => json.replaceAll(/[<>&\u2028\u2029]/g, codePoint)],
  [", with a line break at its end", (json) => `${json}\n`],
];

function reserialised(value: unknown): Guess<Bytes>[] {
  const orders = [
    ["", value],
    [", its keys sorted", sortKeys(value)],
  ] as const;
  return orders.flatMap(([order, json]) =>
    styles.flatMap(([style, write]) =>
      escapes.map(([escape, change]) => {
        const how = `parsed and serialised again (${style}${order}${escape})`;
        return guessBody(change(write(json)), "body_reserialised", how);
      }),
    ),
  );
}

/** With a space behind `,` and `:`. Only the indentation has line breaks: within a text they are escaped. */
function onOneLine(json: unknown): string {
  return JSON.stringify(json, null, 1).replaceAll(/,\n */g, ", ").replaceAll(/\n */g, "");
}

function escapeSlashes(json: string): string {
  return json.replaceAll("/", "\\/");
}

function escapeUnicode(json: string): string {
  return json.replaceAll(/[\u0080-\uFFFF]/g, codePoint);
}

function codePoint(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

function fromEncodings(body: Bytes, text: string | undefined): Guess<Bytes>[] {
  const latin1 = Buffer.from(body).toString("latin1");
  const charset = "in another character encoding (Latin-1 taken for UTF-8, or the other way)";
  const inner = uncompressed(body);
  return [
    ...(inner === null ? [] : [guessBody(inner, "body_compressed", "when it is unpacked: this file is compressed")]),
    guessBody(latin1, "body_charset", charset),
    ...(text !== undefined && !/[\u0100-\uFFFF]/.test(text)
      ? [guessBody(Buffer.from(text, "latin1"), "body_charset", charset)]
      : []),
    ...(/^[A-Za-z0-9+/\s]+={0,2}\s*$/.test(latin1)
      ? [guessBody(Buffer.from(latin1, "base64"), "body_in_base64", "decoded from base64")]
      : []),
  ];
}

/** Whether a body begins as gzip or zlib write it. */
export function isCompressed(body: Uint8Array): boolean {
  return (
    (body[0] === 0x1f && body[1] === 0x8b) || (body[0] === 0x78 && [0x01, 0x5e, 0x9c, 0xda].includes(body[1] ?? 0))
  );
}

const MOST_UNCOMPRESSED_BYTES = 16 * 1024 * 1024;

/** Null when it is not compressed, or broken. */
function uncompressed(body: Bytes): Uint8Array | null {
  if (!isCompressed(body)) return null;
  try {
    return unzipSync(body, { maxOutputLength: MOST_UNCOMPRESSED_BYTES });
  } catch {
    return null;
  }
}
