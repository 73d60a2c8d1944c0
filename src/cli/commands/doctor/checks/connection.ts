import { isBehind } from "../../../../domain/connection.ts";
import { type Connection, nameOf } from "../../connections.ts";
import { type Finding, type Result, judged, skipped } from "../finding.ts";
import type { Target } from "../target.ts";

/** A connected relay keeps its tokens and subscriptions, and compares its state with the bank's. */
export async function checkConnection(target: Target): Promise<Result> {
  const { now, configuration } = await target.diagnostics();
  const connections = await target.connections();
  if (connections.length > 0) return judgeConnections(connections, Date.parse(now));
  return configuration.qonto_environment === null
    ? skipped(
        "The relay has no application at Qonto.",
        "With QONTO_CLIENT_ID and QONTO_CLIENT_SECRET it can be connected.",
      )
    : skipped("No organization is connected to Qonto.", "`npm run qonto -- connect` says where to.");
}

/** `now`: by the relay's clock, Unix milliseconds. */
export function judgeConnections(connections: readonly Connection[], now: number): Result {
  const organizations = connections.map(
    (one) => `${nameOf(one)} ${one.reconciled_until === null ? "is being filled" : `up to ${one.reconciled_until}`}`,
  );
  return judged(
    connections.flatMap((connection) => judgeConnection(connection, now)),
    `Connected, and complete: ${organizations.join("; ")}.`,
    connections.flatMap((connection) => [noteForeign(connection), noteRefused(connection)]),
  );
}

function judgeConnection(connection: Connection, now: number): Finding[] {
  const { id, status, status_since, connected_at, subscriptions, reconciled_until, last_error } = connection;
  const about = { id, organization: nameOf(connection) };
  const error = last_error === null ? "" : ` Last error: ${last_error}`;
  if (status !== "connected") {
    return [{ fault: "connection_lost", seen: `${id} is ${status} since ${status_since}.${error}`, about }];
  }
  const missing = subscriptions.filter((one) => one.status === "missing");
  const isUnsubscribed = missing.length > 0 || (subscriptions.length > 0 && !subscriptions.some(isActive));
  const types = missing.flatMap((one) => one.types).join(", ");
  const reconciledUntil = reconciled_until === null ? null : Date.parse(reconciled_until);
  const isLate = isBehind({ connectedAt: Date.parse(connected_at), reconciledUntil }, now);
  const findings: (Finding | false)[] = [
    isUnsubscribed && {
      fault: "connection_unsubscribed",
      seen: `${id}: ${types === "" ? "only foreign subscriptions" : `missing for ${types}`}.${error}`,
      about,
    },
    isLate && {
      fault: "connection_behind",
      seen: `${id}: ${reconciled_until === null ? `not filled since ${connected_at}` : `complete up to ${reconciled_until}`}.${error}`,
      about,
    },
    // Otherwise it explains what was found.
    last_error !== null &&
      !isUnsubscribed &&
      !isLate && { fault: "connection_fails", seen: `${id}: ${last_error}`, about },
  ];
  return findings.filter((one) => one !== false);
}

function noteForeign({ subscriptions, ...connection }: Connection): string | false {
  const foreign = subscriptions.filter(({ status }) => status === "foreign").flatMap(({ id }) => id ?? []);
  return (
    foreign.length > 0 &&
    `Subscriptions for ${nameOf(connection)} that are not the relay's, and stay: ${foreign.join(", ")}.`
  );
}

function noteRefused({ refused_types, ...connection }: Connection): string | false {
  return (
    refused_types.length > 0 &&
    `Qonto does not take types for ${nameOf(connection)}: ${refused_types.join(", ")}. Set QONTO_TYPES without them, if one is misspelt or not needed.`
  );
}

export function isActive({ status }: Connection["subscriptions"][number]): boolean {
  return status === "active";
}
