import type { Action } from "../../../api/actions/audited.ts";

/** What somebody did, in the past tense. */
export const actions: Readonly<Record<Action, string>> = {
  "destination.created": "Added a destination",
  "destination.changed": "Changed a destination",
  "destination.deleted": "Removed a destination",
  "destination.secret_rotated": "Rotated a destination's secret",
  "destination.tested": "Sent a destination a test",
  "destination.replayed": "Replayed a destination's past",
  "event.replayed": "Replayed an event",
  "quarantine.released": "Released from quarantine",
  "quarantine.dropped": "Deleted from quarantine",
  "dead_letter.replayed": "Replayed a dead letter",
  "dead_letter.dropped": "Deleted a dead letter",
  "token.created": "Made a token",
  "token.revoked": "Revoked a token",
};

/** Of what another version of the relay wrote, its own name. */
export function actionInWords(action: string): string {
  return new Map(Object.entries(actions)).get(action) ?? action;
}
