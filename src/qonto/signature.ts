import type { Source } from "../domain/event.ts";
import { type Secret, equalInConstantTime, hmacSha256, withPrefix } from "../platform/hmac.ts";

/** Names of the headers that bear the signatures of Qonto's two systems. The one with a timestamp is looked for first. */
const headerNames = {
  business: "x-qonto-signature",
  onboarding: "qonto-sha256-signature",
} as const satisfies Readonly<Record<Source, string>>;

/** What a request claims to be signed with. */
export interface Signature {
  readonly source: Source;
  /** Unix seconds; null in the scheme that signs none. */
  readonly timestamp: number | null;
  /** Whether one of the claimed digests is that of these bytes under one of these secrets. */
  readonly matches: (body: Uint8Array<ArrayBuffer>, ...secrets: readonly string[]) => Promise<boolean>;
}

export type SignatureFault = "signature_missing" | "signature_malformed";

/** Reads whichever of the two signature headers a request bears. */
export function readSignature(headers: Headers): Signature | SignatureFault {
  for (const source of ["business", "onboarding"] as const) {
    const header = headers.get(headerNames[source]);
    const signature = header === null ? "signature_missing" : readSignatureHeader(source, header);
    if (signature !== "signature_missing") return signature;
  }
  return "signature_missing";
}

/** Several times what eight digests take. A stranger can send a hundred kilobytes. */
export const MAX_HEADER_CHARACTERS = 4_096;

/** Reads the value of the header of one of the two systems. An empty one counts as missing. */
export function readSignatureHeader(source: Source, header: string): Signature | SignatureFault {
  if (header.length > MAX_HEADER_CHARACTERS) return "signature_malformed";
  const fields = headerFields(header);
  if (fields.length === 0) return "signature_missing";
  const signature = source === "business" ? readBusinessSignature(fields) : readOnboardingSignature(fields);
  return signature ?? "signature_malformed";
}

/**
 * Fields of a signature header, whose lines the runtime joins by commas. An empty line holds none, and lines that are all the
 * same are one.
 */
export function headerFields(header: string): readonly string[] {
  const fields = header
    .split(",")
    .map((field) => field.trim())
    .filter((field) => field !== "");
  const isRepetitionOf = (length: number) =>
    fields.length % length === 0 && fields.every((field, index) => field === fields[index % length]);
  const length = fields.findIndex((_, index) => isRepetitionOf(index + 1)) + 1;
  return fields.slice(0, length);
}

/** A sender that rotates its key needs two. */
export const MAX_DIGESTS = 8;

/**
 * Reads the fields of `t=<unix seconds>,v1=<hex>`. Several `v1` are accepted, for a sender that rotates its key. Fields
 * other than `t` and `v1` are skipped. Returns null for anything else.
 */
function readBusinessSignature(fields: readonly string[]): Signature | null {
  const valuesOf = (name: string) =>
    fields.filter((field) => field.startsWith(`${name}=`)).map((field) => field.slice(name.length + 1));
  const [timestamp, ...otherTimestamps] = valuesOf("t");
  if (timestamp === undefined || otherTimestamps.length > 0 || !/^\d{1,15}$/.test(timestamp)) return null;

  const digests = valuesOf("v1").map(readHexDigest);
  if (digests.length === 0 || digests.length > MAX_DIGESTS || !digests.every((digest) => digest !== null)) return null;

  return {
    source: "business",
    timestamp: Number(timestamp),
    matches: (body, ...secrets) => isSignedBy(secrets, signedBytes(timestamp, body), digests),
  };
}

/**
 * Reads a bare hexadecimal digest of the raw body. The scheme has no timestamp: only the event id tells a replayed request.
 */
function readOnboardingSignature(fields: readonly string[]): Signature | null {
  const [digest, ...others] = fields.map(readHexDigest);
  if (digest === undefined || digest === null || others.length > 0) return null;
  return {
    source: "onboarding",
    timestamp: null,
    matches: (body, ...secrets) => isSignedBy(secrets, body, [digest]),
  };
}

/** Bytes of a SHA-256 digest in hexadecimal; null when the text is none. */
function readHexDigest(text: string): Uint8Array<ArrayBuffer> | null {
  return /^[0-9a-f]{64}$/i.test(text) ? Uint8Array.fromHex(text) : null;
}

/** One HMAC for each secret, however many digests a stranger claims. */
async function isSignedBy(
  secrets: readonly string[],
  signed: Uint8Array<ArrayBuffer>,
  digests: readonly Uint8Array<ArrayBuffer>[],
): Promise<boolean> {
  for (const secret of secrets) {
    const own = await hmacSha256(secret, signed);
    if (digests.some((digest) => equalInConstantTime(digest, own))) return true;
  }
  return false;
}

/** The signature header of an event as the system that sends it would write it. */
export async function signAsQonto(
  source: Source,
  body: Uint8Array<ArrayBuffer>,
  { secret, timestampSeconds }: { readonly secret: Secret; readonly timestampSeconds: number },
): Promise<Record<string, string>> {
  const signature =
    source === "business" ? await signBusiness(body, timestampSeconds, secret) : await signOnboarding(body, secret);
  return { [headerNames[source]]: signature };
}

/** Signs as Qonto's Business API does. */
export async function signBusiness(body: Uint8Array, timestampSeconds: number, secret: Secret): Promise<string> {
  const timestamp = String(timestampSeconds);
  const digest = await hmacSha256(secret, signedBytes(timestamp, body));
  return `t=${timestamp},v1=${digest.toHex()}`;
}

/** The timestamp's own text is signed, leading zeros and all. */
function signedBytes(timestamp: string, body: Uint8Array): Uint8Array<ArrayBuffer> {
  return withPrefix(`${timestamp}.`, body);
}

/** Signs as Qonto's Onboarding API does. */
export async function signOnboarding(body: Uint8Array<ArrayBuffer>, secret: Secret): Promise<string> {
  return (await hmacSha256(secret, body)).toHex();
}
