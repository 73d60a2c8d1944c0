/** What the operator's API says of an event. */
export interface EventDetail {
  readonly state: string;
  readonly deliveries: readonly { readonly destination_id: string; readonly status: DeliveryStatus }[];
}

type DeliveryStatus = "pending" | "delivered" | "dead";

/** What a destination wants and has received. */
export interface DestinationRecord {
  readonly name: string;
  readonly destinationId: string;
  readonly wants: (type: string) => boolean;
  /** It was disabled at an unknown moment. Then only the relay can tell which events it was to receive. */
  readonly isDisabled: boolean;
  /** How often it received each event, by event id. */
  readonly received: ReadonlyMap<string, number>;
}

export interface SentEvent {
  readonly id: string;
  readonly type: string;
  readonly isAcknowledged: boolean;
}

/** `wanted` is the sum of delivered, dead, pending and lost. */
export interface DestinationAccount {
  readonly destination: string;
  readonly wanted: number;
  /** Received by the destination, whatever the relay says. */
  readonly delivered: number;
  /** Repeated deliveries. */
  readonly repeated: number;
  readonly dead: readonly string[];
  readonly pending: readonly string[];
  /** Acknowledged and wanted, but neither delivered nor pending nor dead. */
  readonly lost: readonly string[];
  /** Received, but never sent or not wanted. */
  readonly unwanted: readonly string[];
}

/** Compares what was sent, what a destination received, and what the relay says of it. */
export function accountFor(
  record: DestinationRecord,
  sent: readonly SentEvent[],
  details: ReadonlyMap<string, EventDetail>,
): DestinationAccount {
  const expected = sent.filter(
    ({ id, type, isAcknowledged }) =>
      isAcknowledged && record.wants(type) && (!record.isDisabled || statusOf(record, details.get(id)) !== "lost"),
  );
  const ends = Object.groupBy(
    expected.map(({ id }) => ({ id, end: record.received.has(id) ? "delivered" : statusOf(record, details.get(id)) })),
    ({ end }) => end,
  );
  const idsOf = (end: keyof typeof ends) => (ends[end] ?? []).map(({ id }) => id);
  const wantedIds = new Set(sent.filter(({ type }) => record.wants(type)).map(({ id }) => id));
  return {
    destination: record.name,
    wanted: expected.length,
    delivered: idsOf("delivered").length,
    repeated: record.received.values().reduce((sum, times) => sum + times - 1, 0),
    dead: idsOf("dead"),
    pending: idsOf("pending"),
    lost: idsOf("lost"),
    unwanted: [...record.received.keys()].filter((id) => !wantedIds.has(id)),
  };
}

/** The state of a delivery that the destination has not received. If the relay calls it delivered, it is lost. */
function statusOf({ destinationId }: DestinationRecord, detail: EventDetail | undefined): "pending" | "dead" | "lost" {
  if (detail === undefined) return "lost";
  if (isBeforeFanOut(detail)) return "pending";
  const status = detail.deliveries.find(({ destination_id }) => destination_id === destinationId)?.status;
  return status === undefined || status === "delivered" ? "lost" : status;
}

/** Recorded, and not dispatched yet. */
export function isBeforeFanOut({ state, deliveries }: EventDetail): boolean {
  return state === "pending" && deliveries.length === 0;
}
