import type { Source } from "../../../domain/event.ts";
import { MAX_DIGESTS, MAX_HEADER_CHARACTERS, headerFields } from "../../../qonto/signature.ts";
import { type Mistake, headerMistakes } from "./mistakes.ts";

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

/** Reads a signature header as leniently as it can be read. Its own name before it is no mistake. */
export function readClaim(header: string, scheme?: Source): Claim {
  const value = header.trim().replace(/^[\w-]+:\s*/, "");
  const bare = value.replace(/^(["'])(.*)\1$/, "$2").trim();
  const claim = readValue(bare, scheme);
  const mistakes = [
    ...(bare === value ? [] : [headerMistakes.inQuotes]),
    ...(value.length > MAX_HEADER_CHARACTERS ? [headerMistakes.tooLong] : []),
    ...claim.mistakes,
  ];
  return { ...claim, mistakes };
}

function readValue(value: string, scheme?: Source): Claim {
  const unusable = (mistake: Mistake): Claim => ({
    scheme: scheme ?? "business",
    timestamp: null,
    digests: [],
    mistakes: [mistake],
  });
  const fields = headerFields(value);
  if (fields.length === 0) return unusable(headerMistakes.empty);
  if (/^v\d+a?,/.test(value)) return unusable(headerMistakes.standardWebhooks);
  const isBusiness = scheme === undefined ? /(^|,)\s*(t|v\d+)=/.test(value) : scheme === "business";
  return isBusiness ? readBusiness(fields) : readOnboarding(fields);
}

function readBusiness(texts: readonly string[]): Claim {
  const fields = texts.map((field) => /^(?:(?<name>t|v\d+)=)?(?<text>.*)$/s.exec(field)?.groups ?? {});
  const timestamps = fields.filter(({ name }) => name === "t").map(({ text }) => text ?? "");
  const digests = fields.filter(({ name }) => name === "v1").map(({ text }) => readDigest(text ?? ""));
  // A digest without its name: the header was cut, or another scheme's was put there.
  const nameless = fields.filter(({ name }) => name === undefined).map(({ text }) => readDigest(text ?? ""));
  const [timestamp] = timestamps;
  const isReadable = timestamp !== undefined && /^\d{1,15}$/.test(timestamp);
  const mistakes = [
    ...(timestamp === undefined ? [headerMistakes.withoutTimestamp] : []),
    ...(timestamp !== undefined && !isReadable ? [headerMistakes.timestampUnreadable] : []),
    ...(timestamps.length > 1 ? [headerMistakes.timestampTwice] : []),
    ...(digests.length === 0 ? [headerMistakes.withoutDigest] : []),
    ...(digests.length > MAX_DIGESTS ? [headerMistakes.tooManyDigests] : []),
    ...digests.flatMap(({ mistake }) => mistake ?? []),
  ];
  return {
    scheme: "business",
    timestamp: isReadable ? timestamp : null,
    digests: (digests.length === 0 ? nameless : digests).flatMap(({ hex }) => hex ?? []),
    mistakes: [...new Set(mistakes)],
  };
}

function readOnboarding(fields: readonly string[]): Claim {
  const digests = fields.map(readDigest);
  return {
    scheme: "onboarding",
    timestamp: null,
    digests: digests.flatMap(({ hex }) => hex ?? []),
    mistakes: [
      ...(digests.length > 1 ? [headerMistakes.digestTwice] : []),
      ...new Set(digests.flatMap(({ mistake }) => mistake ?? [])),
    ],
  };
}

interface Digest {
  readonly hex: string | null;
  readonly mistake: Mistake | null;
}

function readDigest(text: string): Digest {
  const prefixed = /^sha256=(.*)$/is.exec(text)?.[1];
  if (prefixed !== undefined) return { hex: readDigest(prefixed).hex, mistake: headerMistakes.digestPrefixed };
  if (/^[0-9a-f]+$/i.test(text) && text.length <= DIGEST_HEX_LENGTH) {
    const hex = text.length < SHORTEST_BEGINNING ? null : text.toLowerCase();
    return { hex, mistake: text.length === DIGEST_HEX_LENGTH ? null : headerMistakes.digestTruncated };
  }
  if (/^[\w+/-]+={0,2}$/.test(text)) {
    const decoded = Buffer.from(text, "base64");
    if (decoded.length === DIGEST_HEX_LENGTH / 2) {
      return { hex: decoded.toString("hex"), mistake: headerMistakes.digestInBase64 };
    }
    const inner = decoded.toString("latin1");
    if (/^[0-9a-f]{64}$/i.test(inner)) return { hex: inner.toLowerCase(), mistake: headerMistakes.hexInBase64 };
  }
  return { hex: null, mistake: text === "" ? headerMistakes.withoutDigest : headerMistakes.digestUnreadable };
}
