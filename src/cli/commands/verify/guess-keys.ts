import type { Secret } from "../../../platform/hmac.ts";
import { type Guess, distinct } from "./guess.ts";
import { secretInQuotes, secretMistake, secretWithWhiteSpace } from "./mistakes.ts";

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
