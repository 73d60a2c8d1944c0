import { gunzipSync, inflateSync } from "node:zlib";
import { isObject, parseJsonLosslessly, tryDecodeUtf8, tryParseJson } from "../../../platform/json.ts";
import { type Guess, distinct } from "./guess.ts";
import { type Mistake, bodyMistake } from "./mistakes.ts";
import { escapeHtml, escapeSlashes, escapeUnicode, sortKeys, writeSpaced } from "./write-json.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const MOST_UNCOMPRESSED_BYTES = 16 * 1024 * 1024;

/** The bodies that may have been signed when it was not this one, from the likely to the odd. */
export function guessBodies(body: Bytes): Guess<Bytes>[] {
  const text = tryDecodeUtf8(body);
  const guesses = [
    { value: body, mistake: null },
    ...(text === undefined ? [] : fromText(text)),
    ...fromEncodings(body),
    guess("", bodyMistake("empty_body_signed", "when it was empty")),
  ];
  return distinct(guesses, (bytes) => Buffer.from(bytes).toString("latin1"));
}

function guess(text: string, mistake: Mistake): Guess<Bytes> {
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
    guess(text.trimEnd(), ending("without the white space at its end")),
    guess(`${text}\n`, ending("with a line break at its end")),
    guess(`${text}\r\n`, ending("with a line break (CRLF) at its end")),
    guess(text.replaceAll("\r\n", "\n"), lines("with LF as its line endings")),
    guess(text.replaceAll(/\r?\n/g, "\r\n"), lines("with CRLF as its line endings")),
    guess(withoutMark, mark("without its byte-order mark")),
    guess(`\uFEFF${withoutMark}`, mark("with a byte-order mark before it")),
    ...fromJson(withoutMark),
  ];
}

function fromJson(text: string): Guess<Bytes>[] {
  const plain = tryParseJson(text);
  if (plain === undefined) return [];
  const quoted =
    typeof plain === "string"
      ? [guess(plain, bodyMistake("body_encoded_twice", "taken out of a JSON string: it was encoded twice"))]
      : [];
  const data =
    isObject(plain) && isObject(plain["data"])
      ? [guess(JSON.stringify(plain["data"]), bodyMistake("only_data_signed", "cut down to its `data`"))]
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
        guess(
          change(write(json)),
          bodyMistake("body_reserialised", `parsed and written anew (${style}${order}${escape})`),
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
    guess(latin1, charset),
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
