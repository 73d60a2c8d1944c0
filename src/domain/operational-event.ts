import type { RelayEvent } from "./event.ts";
import { isoTime } from "./instant.ts";

/**
 * Operational events: what the relay itself tells, in the form of Qonto's events. They are recorded, delivered, retried and
 * replayed as others are, but only to destinations that ask for them (`matches` in destination.ts). They are no part of the
 * ledger and no state of a resource.
 */

/** What all of them say of the connection to Qonto that they are about. */
interface AboutConnection {
  readonly connection_id: string;
  readonly organization_name: string | null;
}

/** The same of a destination. */
interface AboutDestination {
  readonly destination_id: string;
  /** Its description, or else its host. */
  readonly destination_name: string;
}

/** The `data` of each type. Times are ISO 8601 in UTC. */
export interface OperationalData {
  /** The relay can ask Qonto's API for nothing more until an operator connects the organization again. */
  readonly "relay.connection.lost": AboutConnection & { readonly status: "expired" | "revoked" };
  /** A webhook subscription was gone or no longer delivered, and there is one again. */
  readonly "relay.subscription.restored": AboutConnection & {
    readonly subscription_id: string;
    readonly types: readonly string[];
  };
  /** A comparison with Qonto's API found what the webhooks had missed. */
  readonly "relay.reconciliation.recovered": AboutConnection & {
    readonly since: string;
    readonly as_of: string;
    readonly missing: number;
    readonly drifted: number;
  };
  /** No webhook of the organization has come for unusually long. */
  readonly "relay.source.silent": AboutConnection & { readonly last_event_at: string };
  /** A destination has failed for some minutes, or its circuit is open. */
  readonly "relay.destination.failing": AboutDestination & {
    readonly failing_since: string;
    readonly consecutive_failures: number;
  };
  /** It does not fail any more. */
  readonly "relay.destination.recovered": AboutDestination & { readonly failing_since: string };
  /** It answered 410, and gets no more events until an operator enables it. */
  readonly "relay.destination.disabled": AboutDestination & { readonly disabled_at: string };
  /** Deliveries to a destination ended without success. How many of its deliveries are dead by now: ten thousand at most. */
  readonly "relay.delivery.dead": AboutDestination & {
    readonly dead_deliveries: number;
    readonly last_dead_at: string;
  };
  /** The quarantine has got something. How much waits there by now. */
  readonly "relay.quarantine.received": { readonly quarantined_events: number };
  /** Checks of `/health` are degraded that were not, or not told. `checks` names all that are; `detail` is what they say. */
  readonly "relay.health.degraded": { readonly checks: readonly string[]; readonly detail: string };
  /** None is degraded any more; `checks` names those that were told. */
  readonly "relay.health.ok": { readonly checks: readonly string[] };
}

export type OperationalType = keyof OperationalData;

export interface OperationalEvent extends RelayEvent {
  readonly type: OperationalType;
}

/** Beginning of each type of theirs, and of a pattern that they match. */
export const OPERATIONAL_TYPE_PREFIX = "relay.";

/** Beginning of each id of theirs. Qonto's ids do not begin so. */
export const OPERATIONAL_PREFIX = "relay_";

/** Whether a type is one of operational events, or a pattern one of such types alone. */
export function isOperationalType(typeOrPattern: string): boolean {
  return typeOrPattern.startsWith(OPERATIONAL_TYPE_PREFIX);
}

/** Whether the relay itself tells the event. Its id says so, as deliveries have the id alone. */
export function isOperational({ id }: Pick<RelayEvent, "id">): boolean {
  return id.startsWith(OPERATIONAL_PREFIX);
}

/**
 * Makes an operational event. `transition` tells one transition from all others of the type, in visible ASCII, such as the
 * connection's id and the time at which it ended: told again, the event has the same id. `at` is in Unix milliseconds.
 */
export function operationalEvent<Type extends OperationalType>(
  type: Type,
  {
    transition,
    organizationId,
    destinationId = null,
    at,
    data,
  }: {
    readonly transition: string;
    readonly organizationId: string | null;
    /** Of the destination that it is about, and that does not get it (`matches` in destination.ts). */
    readonly destinationId?: string | null;
    readonly at: number;
    readonly data: OperationalData[Type];
  },
): OperationalEvent {
  // Standard Webhooks joins the id with others by full stops, so it has none.
  const id = `${OPERATIONAL_PREFIX}${type.slice(OPERATIONAL_TYPE_PREFIX.length).replaceAll(".", "_")}_${transition}`;
  const createdAt = isoTime(at);
  const organization = organizationId === null ? {} : { organization_id: organizationId };
  return {
    id,
    source: "business",
    type,
    event: null,
    organizationId,
    resourceId: destinationId,
    createdAt,
    receivedAt: at,
    contentType: "application/json",
    contentEncoding: null,
    isUnreadable: false,
    body: JSON.stringify({ id, type, ...organization, created_at: createdAt, data }),
  };
}

const sampleDestination = { destination_id: "dst_019a935f7400c4d5e6f708192a3b", destination_name: "Accounting" };

const sampleConnection = { connection_id: "con_019a935f7400a1b2c3d4e5f60718", organization_name: "Example SAS" };

/** Made-up `data` of each type. */
export const operationalSamples: OperationalData = {
  "relay.connection.lost": { ...sampleConnection, status: "expired" },
  "relay.subscription.restored": {
    ...sampleConnection,
    subscription_id: "5b1c9f0e-3c55-4f6e-9d8f-2f6f0f3f7a10",
    types: ["v1/transactions", "v1/transfers"],
  },
  "relay.reconciliation.recovered": {
    ...sampleConnection,
    since: "2026-11-24T08:00:00Z",
    as_of: "2026-11-24T10:00:00Z",
    missing: 12,
    drifted: 3,
  },
  "relay.source.silent": { ...sampleConnection, last_event_at: "2026-11-24T06:00:00Z" },
  "relay.destination.failing": {
    ...sampleDestination,
    failing_since: "2026-11-24T09:48:12Z",
    consecutive_failures: 14,
  },
  "relay.destination.recovered": { ...sampleDestination, failing_since: "2026-11-24T09:48:12Z" },
  "relay.destination.disabled": { ...sampleDestination, disabled_at: "2026-11-24T10:00:00Z" },
  "relay.delivery.dead": { ...sampleDestination, dead_deliveries: 3, last_dead_at: "2026-11-24T10:00:00Z" },
  "relay.quarantine.received": { quarantined_events: 2 },
  "relay.health.degraded": {
    checks: ["deliveries"],
    detail: "The oldest overdue delivery was due 240 s ago.",
  },
  "relay.health.ok": { checks: ["deliveries"] },
};

export const operationalTypes = Object.keys(operationalSamples) as OperationalType[];
