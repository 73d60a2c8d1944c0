import { parseInstant } from "../../../domain/instant.ts";
import type { Source } from "../../../domain/event.ts";
import { type Secret, hmacSha256, withPrefix } from "../../../platform/hmac.ts";
import { isObject, tryDecodeUtf8, tryParseJson } from "../../../platform/json.ts";
import { readSignatureHeader } from "../../../qonto/signature.ts";
import {
  type Bytes,
  guessBodies,
  guessFramings,
  guessKeys,
  isCompressed,
  isInMilliseconds,
  looksLikeApiKey,
} from "./guesses.ts";
import { type Mistake, inFuture, millisecondsSignedSecondsSent, mistakeOf, tooOld } from "./mistakes.ts";
import { type Claim, readClaim, valueOf } from "./read-claim.ts";

export interface Question {
  readonly header: string;
  /** Tried one by one. None is empty: an empty key cannot sign. */
  readonly secrets: readonly string[];
  readonly body: Bytes;
  /** Told by the header's form unless given. */
  readonly scheme?: Source | undefined;
  /** Unix seconds at which the timestamp is judged. */
  readonly at: number;
  readonly toleranceSeconds: number;
}

export interface Explanation {
  /** `mistaken`: the mistakes are known. `unexplained`: nothing that is known fits. */
  readonly verdict: "matches" | "mistaken" | "unexplained";
  readonly scheme: Source;
  /** Which of the secrets fits, from 1; null when none does. */
  readonly secret: number | null;
  /** Unix seconds; null without a timestamp. */
  readonly timestamp: number | null;
  readonly mistakes: readonly Mistake[];
}

/** More than two mistakes at a time are rare, and a search for them would be too long. */
const MOST_MISTAKES = 2;

type Found = Pick<Explanation, "secret" | "mistakes">;

/** Says that a signature matches, or what is wrong: found by making each known mistake and comparing the digests. */
export async function explainSignature(question: Question): Promise<Explanation> {
  const claim = readClaim(question.header, question.scheme);
  const verified = await verifyAsRelay(claim, question);
  const found =
    verified ?? (await search(claim, question)) ?? (await searchTimestamps(claim, question)) ?? guessByForm(question);
  // The form of a header that the relay verifies is no mistake.
  const mistakes = verified === null ? [...claim.mistakes, ...found.mistakes] : verified.mistakes;
  return {
    verdict: mistakes.length > 0 ? "mistaken" : found.secret === null ? "unexplained" : "matches",
    scheme: claim.scheme,
    secret: found.secret,
    timestamp: claim.timestamp === null ? null : secondsOf(claim.timestamp),
    mistakes,
  };
}

function secondsOf(timestamp: string): number {
  return isInMilliseconds(timestamp) ? Math.floor(Number(timestamp) / 1000) : Number(timestamp);
}

/** By the relay's own verification: of what passes it, only the timestamp can be wrong. */
async function verifyAsRelay(claim: Claim, question: Question): Promise<Found | null> {
  const signature = readSignatureHeader(claim.scheme, valueOf(question.header));
  if (typeof signature === "string") return null;
  for (const [index, secret] of question.secrets.entries()) {
    if (await signature.matches(question.body, secret)) {
      return { secret: index + 1, mistakes: judgeTimestamp(claim, question) };
    }
  }
  return null;
}

/** Exactly the tolerance is in time, on either side. */
function judgeTimestamp({ timestamp }: Claim, { at, toleranceSeconds }: Question): Mistake[] {
  if (timestamp === null) return [];
  if (isInMilliseconds(timestamp)) return [mistakeOf("timestamp_in_milliseconds")];
  const ageSeconds = at - Number(timestamp);
  if (ageSeconds > toleranceSeconds) return [tooOld(ageSeconds, toleranceSeconds)];
  return -ageSeconds > toleranceSeconds ? [inFuture(-ageSeconds, toleranceSeconds)] : [];
}

/** Makes the known mistakes, fewest first. */
async function search(claim: Claim, { secrets, body }: Question): Promise<Found | null> {
  const framings = guessFramings(claim);
  const keys = secrets.flatMap((secret, index) => guessKeys(secret).map((key) => ({ ...key, secret: index + 1 })));
  const bodies = guessBodies(body);
  for (let count = 0; count <= MOST_MISTAKES; count += 1) {
    for (const framing of framings) {
      for (const key of keys) {
        for (const one of bodies) {
          const mistakes = [framing, key, one].flatMap(({ mistake }) => mistake ?? []);
          if (mistakes.length === count && (await fits(claim, key.value, framing.value(one.value)))) {
            return { secret: key.secret, mistakes };
          }
        }
      }
    }
  }
  return null;
}

async function fits({ digests }: Claim, key: Secret, signed: Bytes): Promise<boolean> {
  if (digests.length === 0) return false;
  const hex = (await hmacSha256(key, signed)).toHex();
  return digests.some((digest) => hex.startsWith(digest));
}

/** Where the header tells no timestamp, or only its seconds, the right one is among few. */
async function searchTimestamps(claim: Claim, question: Question): Promise<Found | null> {
  const { timestamp, scheme } = claim;
  const otherScheme = scheme === "onboarding" ? [mistakeOf("business_signature_as_onboarding")] : [];
  const [texts, mistakes] =
    timestamp === null
      ? [nearbySeconds(question).map(String), otherScheme]
      : [
          Array.from({ length: 1000 }, (_, ms) => timestamp + String(ms).padStart(3, "0")),
          [millisecondsSignedSecondsSent],
        ];
  for (const [index, secret] of question.secrets.entries()) {
    for (const text of texts) {
      if (await fits(claim, secret, withPrefix(`${text}.`, question.body))) return { secret: index + 1, mistakes };
    }
  }
  return null;
}

/** Around the instant of judgement, and around the one at which the event says it was made. */
function nearbySeconds({ body, at, toleranceSeconds }: Question): number[] {
  const json = tryParseJson(tryDecodeUtf8(body) ?? "");
  const madeAt = isObject(json) ? parseInstant(json["created_at"])?.iso : undefined;
  const from = [at, ...(madeAt === undefined ? [] : [Math.floor(Date.parse(madeAt) / 1000) + toleranceSeconds])];
  return from.flatMap((end) => Array.from({ length: toleranceSeconds + 10 }, (_, back) => end + 5 - back));
}

/** Nothing that was computed fits. */
function guessByForm({ body, secrets }: Question): Found {
  const mistakes = [
    ...(body.length === 0 ? [mistakeOf("body_empty")] : []),
    ...(isCompressed(body) ? [mistakeOf("body_compressed")] : []),
    ...(secrets.some(looksLikeApiKey) ? [mistakeOf("api_key_instead_of_secret")] : []),
  ];
  return { secret: null, mistakes };
}
