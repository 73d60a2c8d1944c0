import type { Source } from "../../../domain/event.ts";
import { MAX_DIGESTS, MAX_HEADER_CHARACTERS, headerFields } from "../../../qonto/signature.ts";
import { type Mistake, type MistakeCode, mistakeOf } from "./mistakes.ts";

/** What a header claims, as far as it can be made out, and what is wrong with its form. */
export interface Claim {
  readonly scheme: Source;
  /** As it is written; null when there is none to be read. */
  readonly timestamp: string | null;
  /** Hexadecimal, lower-case; the beginning of one when it is cut. */
  readonly digests: readonly string[];
  readonly mistakes: readonly Mistake[];
}

const DIGEST_HEX_LENGTH = 64;
/** A shorter beginning fits by chance. */
const SHORTEST_BEGINNING = 8;

/** A header's value: its own name before it is no mistake. */
export function valueOf(header: string): string {
  return header.trim().replace(/^[\w-]+:\s*/, "");
}

/** Reads a signature header as leniently as it can be read. */
export function readClaim(header: string, scheme?: Source): Claim {
  const value = valueOf(header);
  const bare = value.replace(/^(["'])(.*)\1$/, "$2").trim();
  const { mistakes, ...claim } = readValue(bare, scheme);
  const found = new Set<MistakeCode | false>([
    bare !== value && "header_in_quotes",
    value.length > MAX_HEADER_CHARACTERS && "header_too_long",
    ...mistakes,
  ]);
  return { ...claim, mistakes: [...found].filter((code) => code !== false).map(mistakeOf) };
}

interface Reading extends Omit<Claim, "mistakes"> {
  /** Those that are false were not made. */
  readonly mistakes: readonly (MistakeCode | false)[];
}

function readValue(value: string, scheme?: Source): Reading {
  const unusable = (mistake: MistakeCode): Reading => ({
    scheme: scheme ?? "business",
    timestamp: null,
    digests: [],
    mistakes: [mistake],
  });
  const fields = headerFields(value);
  if (fields.length === 0) return unusable("header_empty");
  if (/^v\d+a?,/.test(value)) return unusable("standard_webhooks_header");
  const isBusiness = scheme === undefined ? /(^|,)\s*(t|v\d+)=/.test(value) : scheme === "business";
  return isBusiness ? readBusiness(fields) : readOnboarding(fields);
}

function readBusiness(texts: readonly string[]): Reading {
  const fields = texts.map((field) => /^(?:(?<name>t|v\d+)=)?(?<text>.*)$/s.exec(field)?.groups ?? {});
  const textsOf = (of: string | undefined) => fields.flatMap(({ name, text = "" }) => (name === of ? [text] : []));
  const timestamps = textsOf("t");
  const digests = textsOf("v1").map(readDigest);
  // A digest without its name: the header was cut, or another scheme's was put there.
  const nameless = textsOf(undefined).map(readDigest);
  const [timestamp] = timestamps;
  const isReadable = timestamp !== undefined && /^\d{1,15}$/.test(timestamp);
  return {
    scheme: "business",
    timestamp: isReadable ? timestamp : null,
    digests: (digests.length === 0 ? nameless : digests).flatMap(({ hex }) => hex ?? []),
    mistakes: [
      timestamp === undefined && "header_without_timestamp",
      timestamp !== undefined && !isReadable && "timestamp_unreadable",
      timestamps.length > 1 && "timestamp_twice",
      digests.length === 0 && "header_without_digest",
      digests.length > MAX_DIGESTS && "too_many_digests",
      ...digests.map(({ mistake }) => mistake),
    ],
  };
}

function readOnboarding(fields: readonly string[]): Reading {
  const digests = fields.map(readDigest);
  return {
    scheme: "onboarding",
    timestamp: null,
    digests: digests.flatMap(({ hex }) => hex ?? []),
    mistakes: [digests.length > 1 && "digest_twice", ...digests.map(({ mistake }) => mistake)],
  };
}

interface Digest {
  readonly hex: string | null;
  readonly mistake: MistakeCode | false;
}

function readDigest(text: string): Digest {
  const prefixed = /^sha256=(.*)$/is.exec(text)?.[1];
  if (prefixed !== undefined) return { hex: readDigest(prefixed).hex, mistake: "digest_prefixed" };
  if (/^[0-9a-f]+$/i.test(text) && text.length <= DIGEST_HEX_LENGTH) {
    const hex = text.length < SHORTEST_BEGINNING ? null : text.toLowerCase();
    return { hex, mistake: text.length < DIGEST_HEX_LENGTH && "digest_truncated" };
  }
  if (/^[\w+/-]+={0,2}$/.test(text)) {
    const decoded = Buffer.from(text, "base64");
    if (decoded.length === DIGEST_HEX_LENGTH / 2) {
      return { hex: decoded.toString("hex"), mistake: "digest_in_base64" };
    }
    const inner = decoded.toString("latin1");
    if (/^[0-9a-f]{64}$/i.test(inner)) return { hex: inner.toLowerCase(), mistake: "hex_in_base64" };
  }
  return { hex: null, mistake: text === "" ? "header_without_digest" : "digest_unreadable" };
}
