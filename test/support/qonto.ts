import { signBusiness, signOnboarding } from "../../src/qonto/signature.ts";
import { type SampleType, sampleEvent } from "../../src/qonto/sample-event.ts";

/** Qonto as a sender: its payloads, its signatures, its requests. Runs in workerd and in Node. */

export interface Payload {
  id: string;
  [field: string]: unknown;
}

let made = 0;

/** A payload of a type of the catalogue under an id of its own, changed as asked; `data` is merged, not replaced. */
export function makePayload(type: SampleType, changes: { data?: object; [field: string]: unknown } = {}): Payload {
  made += 1;
  const sample = sampleEvent(type);
  const data = { ...Object(sample["data"]), ...changes.data };
  return {
    ...sample,
    id: `${crypto.randomUUID()}-${made}`,
    ...changes,
    ...("data" in sample || changes.data !== undefined ? { data } : {}),
  };
}

export interface SignedRequest {
  readonly method: "POST";
  readonly headers: Record<string, string>;
  readonly body: Uint8Array<ArrayBuffer>;
}

export interface Signing {
  readonly secret: string;
  /** Unix seconds. */
  readonly timestamp: number;
}

/** A request of the Business API's webhook. A text or bytes are sent as they are. */
export async function businessRequest(
  payload: object | string | Uint8Array<ArrayBuffer>,
  { secret, timestamp }: Signing,
): Promise<SignedRequest> {
  const body = toBytes(payload);
  return request(body, { "x-qonto-signature": await signBusiness(body, timestamp, secret) });
}

/** The same of the Onboarding API's, which signs no timestamp. */
export async function onboardingRequest(
  payload: object | string | Uint8Array<ArrayBuffer>,
  { secret }: Pick<Signing, "secret">,
): Promise<SignedRequest> {
  const body = toBytes(payload);
  return request(body, { "qonto-sha256-signature": await signOnboarding(body, secret) });
}

function request(body: Uint8Array<ArrayBuffer>, signature: Record<string, string>): SignedRequest {
  return { method: "POST", headers: { "content-type": "application/json", ...signature }, body };
}

function toBytes(payload: object | string | Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  if (payload instanceof Uint8Array) return payload;
  return Uint8Array.from(new TextEncoder().encode(typeof payload === "string" ? payload : JSON.stringify(payload)));
}
