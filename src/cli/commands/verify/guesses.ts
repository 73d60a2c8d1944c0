import { gunzipSync, inflateSync } from "node:zlib";
import { type Secret, withPrefix } from "../../../platform/hmac.ts";
import { isObject, parseJsonLosslessly, sortKeys, tryDecodeUtf8, tryParseJson } from "../../../platform/json.ts";
import type { Claim } from "./read-claim.ts";
import {
  type Mistake,
  bodyMistake,
  millisecondsSignedSecondsSent,
  onlyBodySigned,
  secondsSignedMillisecondsSent,
  secretInQuotes,
  secretMistake,
  secretWithWhiteSpace,
  signedBytesMistake,
} from "./mistakes.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** What may have been signed, or signed with. The first of a list is the right one and no mistake. */
export interface Guess<Value> {
  readonly value: Value;
  readonly mistake: Mistake | null;
}

/** Leaves out what equals a guess before it. */
function distinct<Value>(guesses: readonly Guess<Value>[], keyOf: (value: Value) => string): Guess<Value>[] {
  const seen = new Set<string>();
  return guesses.filter(({ value }) => {
    const key = keyOf(value);
    return !seen.has(key) && seen.add(key);
  });
}

const PREFIX = "whsec_";

/** The keys that people make of a secret. */
export function guessKeys(secret: string): Guess<Secret>[] {
  const trimmed = secret.trim();
  const unquoted = trimmed.replace(/^(["'])(.*)\1$/s, "$2");
  const hasPrefix = unquoted.startsWith(PREFIX);
  const withoutPrefix = hasPrefix ? unquoted.slice(PREFIX.length) : unquoted;
  const guesses: Guess<Secret>[] = [
    { value: secret, mistake: null },
    { value: trimmed, mistake: secretWithWhiteSpace },
    { value: unquoted, mistake: secretInQuotes },
    { value: `${secret}\n`, mistake: secretMistake("secret_with_white_space", "with a line break behind it") },
    { value: `"${secret}"`, mistake: secretMistake("secret_in_quotes", "with quotes around it") },
    { value: withoutPrefix, mistake: secretMistake("secret_prefix_stripped", "without its `whsec_`") },
    { value: PREFIX + secret, mistake: secretMistake("secret_prefix_missing", "with `whsec_` before it") },
    ...decoded(withoutPrefix, "base64", /^[A-Za-z0-9+/_-]{4,}={0,2}$/).map((value) => ({
      value,
      mistake: secretMistake("secret_base64_decoded", "decoded from base64, as Standard Webhooks does it"),
    })),
    ...decoded(withoutPrefix, "hex", /^([0-9a-f]{2})+$/i).map((value) => ({
      value,
      mistake: secretMistake("secret_hex_decoded", "decoded from hexadecimal"),
    })),
  ];
  return distinct(guesses, (value) => (typeof value === "string" ? `text:${value}` : `bytes:${value.toBase64()}`));
}

function decoded(text: string, encoding: "base64" | "hex", pattern: RegExp): Uint8Array<ArrayBuffer>[] {
  return pattern.test(text) ? [Uint8Array.from(Buffer.from(text, encoding))].filter(({ length }) => length > 0) : [];
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
export type Framing = (body: Bytes) => Bytes;

/** The ways in which people put timestamp and body together. */
export function guessFramings({ scheme, timestamp }: Claim): Guess<Framing>[] {
  const bodyAlone: Framing = (body) => body;
  if (scheme === "onboarding") return [{ value: bodyAlone, mistake: null }];
  if (timestamp === null) return [{ value: bodyAlone, mistake: onlyBodySigned }];
  const prefixed =
    (prefix: string): Framing =>
    (body) =>
      withPrefix(prefix, body);
  return [
    { value: prefixed(`${timestamp}.`), mistake: null },
    { value: bodyAlone, mistake: onlyBodySigned },
    ...(isInMilliseconds(timestamp)
      ? [{ value: prefixed(`${timestamp.slice(0, -3)}.`), mistake: secondsSignedMillisecondsSent }]
      : [{ value: prefixed(`${timestamp}000.`), mistake: millisecondsSignedSecondsSent }]),
    {
      value: prefixed(timestamp),
      mistake: signedBytesMistake("dot_not_signed", "timestamp and body without the dot between them"),
    },
    {
      value: prefixed(`t=${timestamp}.`),
      mistake: signedBytesMistake("label_signed", "`t=` before the timestamp, which is not signed"),
    },
    {
      value: (body) => Buffer.concat([body, Buffer.from(`.${timestamp}`)]),
      mistake: signedBytesMistake("wrong_order_signed", "the body first, the timestamp behind it"),
    },
    {
      value: (body) => withPrefix(`${eventIdOf(body)}.${timestamp}.`, body),
      mistake: signedBytesMistake("event_id_signed", "event id, timestamp and body, as Standard Webhooks signs"),
    },
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

const MOST_UNCOMPRESSED_BYTES = 16 * 1024 * 1024;

/** The bodies that may have been signed when it was not this one, from the likely to the odd. */
export function guessBodies(body: Bytes): Guess<Bytes>[] {
  const text = tryDecodeUtf8(body);
  const guesses = [
    { value: body, mistake: null },
    ...(text === undefined ? [] : fromText(text)),
    ...fromEncodings(body),
    guessText("", bodyMistake("empty_body_signed", "when it was empty")),
  ];
  return distinct(guesses, (bytes) => Buffer.from(bytes).toString("latin1"));
}

function guessText(text: string, mistake: Mistake): Guess<Bytes> {
  return { value: new TextEncoder().encode(text), mistake };
}

function fromText(text: string): Guess<Bytes>[] {
  const withoutMark = text.replace(/^\uFEFF/, "");
  const ending = (how: string) =>
    bodyMistake(
      "body_trailing_newline",
      how,
      "Read and write the file as it is, byte for byte: `curl --data-binary`, not `--data`; no editor in between.",
    );
  const lines = (how: string) =>
    bodyMistake(
      "body_line_endings",
      how,
      "Let no tool convert line endings (git's autocrlf, FTP in text mode, Windows editors).",
    );
  const mark = (how: string) => bodyMistake("body_byte_order_mark", how, "Save it as UTF-8 without a byte-order mark.");
  return [
    guessText(text.trimEnd(), ending("without the white space at its end")),
    guessText(`${text}\n`, ending("with a line break at its end")),
    guessText(`${text}\r\n`, ending("with a line break (CRLF) at its end")),
    guessText(text.replaceAll("\r\n", "\n"), lines("with LF as its line endings")),
    guessText(text.replaceAll(/\r?\n/g, "\r\n"), lines("with CRLF as its line endings")),
    guessText(withoutMark, mark("without its byte-order mark")),
    guessText(`\uFEFF${withoutMark}`, mark("with a byte-order mark before it")),
    ...fromJson(withoutMark),
  ];
}

function fromJson(text: string): Guess<Bytes>[] {
  const plain = tryParseJson(text);
  if (plain === undefined) return [];
  const quoted =
    typeof plain === "string"
      ? [guessText(plain, bodyMistake("body_encoded_twice", "taken out of a JSON string: it was encoded twice"))]
      : [];
  const data =
    isObject(plain) && isObject(plain["data"])
      ? [guessText(JSON.stringify(plain["data"]), bodyMistake("only_data_signed", "cut down to its `data`"))]
      : [];
  // Parsing loses how a number was written (12.50); some parsers do, some do not.
  return [...quoted, ...[parseJsonLosslessly(text), plain].flatMap(reserialised), ...data];
}

function reserialised(value: unknown): Guess<Bytes>[] {
  const sorted = sortKeys(value);
  const styles: [string, (json: unknown) => string][] = [
    ["compact, as JSON.stringify writes it", (json) => JSON.stringify(json)],
    ["indented by 2 spaces", (json) => JSON.stringify(json, null, 2)],
    ["indented by 4 spaces", (json) => JSON.stringify(json, null, 4)],
    ["indented by tabs", (json) => JSON.stringify(json, null, "\t")],
    ["with a space behind `,` and `:`, as Python writes it", (json) => writeSpaced(json, ", ", ": ")],
  ];
  const escapes: [string, (json: string) => string][] = [
    ["", (json) => json],
    [", slashes escaped as PHP does", escapeSlashes],
    [", what is not ASCII escaped", escapeUnicode],
    [", slashes and what is not ASCII escaped as PHP does", (json) => escapeUnicode(escapeSlashes(json))],
    [", `<`, `>` and `&` escaped as Go does", escapeHtml],
    [", with a line break at its end", (json) => `${json}\n`],
  ];
  const orders: [string, unknown][] = [
    ["", value],
    [", its keys sorted", sorted],
  ];
  return orders.flatMap(([order, json]) =>
    styles.flatMap(([style, write]) =>
      escapes.map(([escape, change]) =>
        guessText(
          change(write(json)),
          bodyMistake("body_reserialised", `parsed and serialised again (${style}${order}${escape})`),
        ),
      ),
    ),
  );
}

function fromEncodings(body: Bytes): Guess<Bytes>[] {
  const buffer = Buffer.from(body);
  const latin1 = buffer.toString("latin1");
  const text = tryDecodeUtf8(body);
  const charset = bodyMistake(
    "body_charset",
    "in another character encoding (Latin-1 taken for UTF-8, or the other way)",
  );
  const base64 = bodyMistake(
    "body_in_base64",
    "decoded from base64",
    "Decode it first: gateways that pass bytes on as text say so (`isBase64Encoded`).",
  );
  return [
    ...uncompressed(buffer),
    guessText(latin1, charset),
    ...(text !== undefined && !/[\u0100-\uFFFF]/.test(text)
      ? [{ value: Uint8Array.from(Buffer.from(text, "latin1")), mistake: charset }]
      : []),
    ...(/^[A-Za-z0-9+/\s]+={0,2}\s*$/.test(latin1)
      ? [{ value: Uint8Array.from(Buffer.from(latin1, "base64")), mistake: base64 }]
      : []),
  ];
}

/** Whether a body begins as gzip or zlib write it. */
export function isCompressed(body: Uint8Array): boolean {
  return (
    (body[0] === 0x1f && body[1] === 0x8b) || (body[0] === 0x78 && [0x01, 0x5e, 0x9c, 0xda].includes(body[1] ?? 0))
  );
}

function uncompressed(buffer: Buffer): Guess<Bytes>[] {
  if (!isCompressed(buffer)) return [];
  const options = { maxOutputLength: MOST_UNCOMPRESSED_BYTES };
  try {
    const inner = buffer[0] === 0x1f ? gunzipSync(buffer, options) : inflateSync(buffer, options);
    return [
      {
        value: Uint8Array.from(inner),
        mistake: bodyMistake("body_compressed", "when it is unpacked: this file is compressed"),
      },
    ];
  } catch {
    return [];
  }
}

/** JSON on one line with the separators that a language puts between things. */
function writeSpaced(value: unknown, comma: string, colon: string): string {
  const write = (part: unknown): string => {
    if (Array.isArray(part)) return `[${part.map(write).join(comma)}]`;
    if (!isObject(part)) return JSON.stringify(part);
    return `{${Object.entries(part)
      .map(([name, field]) => `${JSON.stringify(name)}${colon}${write(field)}`)
      .join(comma)}}`;
  };
  return write(value);
}

/** As PHP writes slashes. */
function escapeSlashes(json: string): string {
  return json.replaceAll("/", "\\/");
}

/** As PHP and Python write what is not ASCII. */
function escapeUnicode(json: string): string {
  return json.replaceAll(/[\u0080-\uFFFF]/g, codePoint);
}

/** As Go writes what has a meaning in HTML. */
function escapeHtml(json: string): string {
  return json.replaceAll(/[<>&\u2028\u2029]/g, codePoint);
}

function codePoint(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
