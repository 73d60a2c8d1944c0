import type { SignatureFault } from "../qonto/signature.ts";
import { problemResponse } from "../platform/problem.ts";

/** Why a webhook was refused. The contract fixes codes and statuses. */
export type Refusal =
  | SignatureFault
  | "signature_mismatch"
  | "timestamp_too_old"
  | "timestamp_in_future"
  | "body_too_large"
  | "body_timeout"
  | "method_not_allowed"
  | "not_configured"
  | "not_ready"
  | "not_stored";

interface WireForm {
  readonly status: number;
  readonly title: string;
  /** Says no more than the code, because anybody can read it. */
  readonly detail: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const wireForms: Readonly<Record<Refusal, WireForm>> = {
  signature_missing: {
    status: 401,
    title: "Signature missing",
    detail: "The request bears neither X-Qonto-Signature nor Qonto-SHA256-Signature.",
  },
  signature_malformed: {
    status: 400,
    title: "Signature malformed",
    detail: "The signature header cannot be parsed, or claims too many digests.",
  },
  signature_mismatch: {
    status: 401,
    title: "Signature mismatch",
    detail: "The signature does not match the body.",
  },
  timestamp_too_old: {
    status: 401,
    title: "Timestamp too old",
    detail: "The signature was made too long ago.",
  },
  timestamp_in_future: {
    status: 401,
    title: "Timestamp in the future",
    detail: "The signature's timestamp lies too far ahead.",
  },
  body_too_large: {
    status: 413,
    title: "Body too large",
    detail: "The body exceeds what this receiver takes.",
  },
  body_timeout: {
    status: 408,
    title: "Body timeout",
    detail: "The body was not complete in time.",
  },
  method_not_allowed: {
    status: 405,
    title: "Method not allowed",
    detail: "Webhooks are sent by POST.",
    headers: { allow: "POST" },
  },
  not_configured: {
    status: 503,
    title: "Not configured",
    detail: "This receiver is not configured for the request; its /health says what is wrong.",
  },
  not_ready: {
    status: 503,
    title: "Not ready",
    detail: "This receiver's database is not set up yet. Send the event again.",
    headers: { "retry-after": "60" },
  },
  not_stored: {
    status: 503,
    title: "Not stored",
    detail: "The event could not be stored in time. Send it again.",
    headers: { "retry-after": "30" },
  },
};

export function refusalResponse(code: Refusal): Response {
  const { headers, ...problem } = wireForms[code];
  return problemResponse({ ...problem, code }, headers);
}
