import { Webhook } from "standardwebhooks";
import type { ReceivedRequest } from "../support/destinations.ts";

/** Whether one of a request's signatures is by this secret. */
export function isVerified(request: ReceivedRequest | undefined, secret: string): boolean {
  if (request === undefined) return false;
  const { headers, text } = request;
  const sentAt = new Date(Number(headers.get("webhook-timestamp")) * 1000);
  const expected = new Webhook(secret).sign(headers.get("webhook-id") ?? "", sentAt, text);
  return (headers.get("webhook-signature") ?? "").split(" ").includes(expected);
}
