import { parseInstant } from "../../../domain/instant.ts";
import type { Source } from "../../../domain/event.ts";
import { type Secret, hmacSha256, withPrefix } from "../../../platform/hmac.ts";
import { isObject, tryDecodeUtf8, tryParseJson } from "../../../platform/json.ts";
import { readSignatureHeader } from "../../../qonto/signature.ts";
import {
  type Framing,
  type Guess,
  guessBodies,
  guessFramings,
  guessKeys,
  isCompressed,
  isInMilliseconds,
  looksLikeApiKey,
} from "./guesses.ts";
import {
  type Mistake,
  businessDigestAlone,
  inFuture,
  likely,
  milliseconds,
  millisecondsSignedSecondsSent,
  tooOld,
} from "./mistakes.ts";
import { type Claim, readClaim } from "./read-claim.ts";

export interface Question {
  readonly header: string;
  /** Tried one by one. */
  readonly secrets: readonly string[];
  readonly body: Uint8Array<ArrayBuffer>;
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

/** Says that a signature matches, or what is wrong: found by making each known mistake and comparing the digests. */
export async function explainSignature(question: Question): Promise<Explanation> {
  const claim = readClaim(question.header, question.scheme);
  const secret = await findHonestSecret(question, claim);
  if (secret !== null) return judged(claim, { secret, mistakes: judgeTimestamp(claim, question) });
  const found = (await search(claim, question)) ?? (await searchTimestamps(claim, question));
  if (found !== null) {
    return judged(claim, { secret: found.secret, mistakes: [...claim.mistakes, ...found.mistakes] });
  }
  return judged(claim, { secret: null, mistakes: [...claim.mistakes, ...likelyMistakes(question)] });
}

function judged(claim: Claim, { secret, mistakes }: Pick<Explanation, "secret" | "mistakes">): Explanation {
  const timestamp = claim.timestamp === null ? null : Number(claim.timestamp);
  const verdict = mistakes.length > 0 ? "mistaken" : secret === null ? "unexplained" : "matches";
  return {
    verdict,
    scheme: claim.scheme,
    secret,
    timestamp:
      claim.timestamp !== null && isInMilliseconds(claim.timestamp) ? Math.floor(Number(timestamp) / 1000) : timestamp,
    mistakes,
  };
}

/** By the relay's own verification. */
async function findHonestSecret({ header, secrets, body }: Question, claim: Claim): Promise<number | null> {
  const value = header.trim().replace(/^[\w-]+:\s*/, "");
  const signature = readSignatureHeader(claim.scheme, value);
  if (typeof signature === "string") return null;
  for (const [index, secret] of secrets.entries()) {
    if (secret !== "" && (await signature.matches(body, secret))) return index + 1;
  }
  return null;
}

/** Exactly the tolerance is in time, on either side. */
function judgeTimestamp({ timestamp }: Claim, { at, toleranceSeconds }: Question): Mistake[] {
  if (timestamp === null) return [];
  if (isInMilliseconds(timestamp)) return [milliseconds];
  const ageSeconds = at - Number(timestamp);
  if (ageSeconds > toleranceSeconds) return [tooOld(ageSeconds, toleranceSeconds)];
  return -ageSeconds > toleranceSeconds ? [inFuture(-ageSeconds, toleranceSeconds)] : [];
}

interface Found {
  readonly secret: number;
  readonly mistakes: readonly Mistake[];
}

interface Key {
  readonly secret: number;
  readonly key: Secret;
}

/** Makes the known mistakes, fewest first. */
async function search(claim: Claim, question: Question): Promise<Found | null> {
  const keys = question.secrets.flatMap((secret, index) =>
    guessKeys(secret)
      .filter(({ value }) => value.length > 0)
      .map(({ value, mistake }): Guess<Key> => ({ value: { secret: index + 1, key: value }, mistake })),
  );
  const bodies = guessBodies(question.body);
  const framings = guessFramings(claim);
  for (let count = 0; count <= MOST_MISTAKES; count += 1) {
    for (const [key, framing, body] of combinations(keys, framings, bodies, count)) {
      if (await fits(claim, key.value.key, framing.value(body.value))) {
        const mistakes = [framing, key, body].flatMap(({ mistake }) => mistake ?? []);
        return { secret: key.value.secret, mistakes };
      }
    }
  }
  return null;
}

type Bytes = Uint8Array<ArrayBuffer>;

function* combinations(
  keys: readonly Guess<Key>[],
  framings: readonly Guess<Framing>[],
  bodies: readonly Guess<Bytes>[],
  count: number,
): Generator<[Guess<Key>, Guess<Framing>, Guess<Bytes>]> {
  const weight = (guess: Guess<unknown>) => (guess.mistake === null ? 0 : 1);
  for (const framing of framings) {
    for (const key of keys) {
      const left = count - weight(framing) - weight(key);
      if (left < 0 || left > 1) continue;
      for (const body of bodies) if (weight(body) === left) yield [key, framing, body];
    }
  }
}

async function fits({ digests }: Claim, key: Secret, signed: Bytes): Promise<boolean> {
  if (digests.length === 0) return false;
  const hex = (await hmacSha256(key, signed)).toHex();
  return digests.some((digest) => hex.startsWith(digest));
}

/** Where the header tells no timestamp, or only its seconds, the right one is among few. */
async function searchTimestamps(claim: Claim, question: Question): Promise<Found | null> {
  const { timestamp } = claim;
  const [texts, mistakes] =
    timestamp === null
      ? [nearbySeconds(question).map(String), claim.scheme === "onboarding" ? [businessDigestAlone] : []]
      : [
          Array.from({ length: 1000 }, (_, ms) => timestamp + String(ms).padStart(3, "0")),
          [millisecondsSignedSecondsSent],
        ];
  for (const [index, secret] of question.secrets.entries()) {
    for (const text of secret === "" ? [] : texts) {
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

function likelyMistakes({ body, secrets }: Question): Mistake[] {
  return [
    ...(body.length === 0 ? [likely.emptyBody] : []),
    ...(isCompressed(body) ? [likely.compressedBody] : []),
    ...(secrets.some(looksLikeApiKey) ? [likely.apiKey] : []),
  ];
}
