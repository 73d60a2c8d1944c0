import { QontoRefusal, QontoUnavailable, TooManyResults } from "../qonto/api-client.ts";
import { IncompleteListing } from "../reconciliation/reading.ts";
import { Fault } from "./fault.ts";

export const qontoRemedies = {
  401: "Get a new OAuth access token and set QONTO_ACCESS_TOKEN; for the sandbox set QONTO_STAGING_TOKEN too.",
  403: "The token lacks a scope: subscriptions need `webhook`, and each type its own.",
  404: "It is not there, or belongs to another user or client: `subscriptions list` shows yours.",
  429: "Too many requests. Wait some minutes, and run it again.",
} as const;

const remedies: Readonly<Record<number, string>> = qontoRemedies;

export const UNREACHABLE_REMEDY = "Look at the connection, and at QONTO_API_URL if it is set.";

/** What an error says to the person at the terminal, with the remedy of one that came from Qonto; null for an unexpected one. */
export function faultOf(error: unknown): Fault | null {
  if (error instanceof Fault) return error;
  if (error instanceof QontoRefusal || error instanceof QontoUnavailable) {
    const remedy = error.status === null ? UNREACHABLE_REMEDY : remedies[error.status];
    return new Fault(error.message, { remedy });
  }
  if (error instanceof TooManyResults) return new Fault(error.message, { remedy: "Ask for a shorter time." });
  return error instanceof IncompleteListing ? new Fault(error.message) : null;
}
