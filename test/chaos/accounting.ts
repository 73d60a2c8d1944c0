/** What the operator's API says of an event. */
export interface EventDetail {
  readonly state: string;
  readonly deliveries: readonly { readonly destination_id: string; readonly status: DeliveryStatus }[];
}

type DeliveryStatus = "pending" | "delivered" | "dead";

/** A destination's side of the account. */
export interface DestinationBook {
  readonly name: string;
  readonly destinationId: string;
  readonly wants: (type: string) => boolean;
  /** It ceased to want anything at an unknown moment: then only the relay can tell what it is owed. */
  readonly hasLeft: boolean;
  /** How often it took each event, by event id. */
  readonly taken: ReadonlyMap<string, number>;
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
  /** Taken by the destination, whatever the relay says. */
  readonly delivered: number;
  /** Times that an event was taken once more. */
  readonly repeated: number;
  readonly dead: readonly string[];
  readonly pending: readonly string[];
  /** Acknowledged and wanted, but neither taken nor on its way nor given up. */
  readonly lost: readonly string[];
  /** Taken, but never sent or not wanted. */
  readonly unasked: readonly string[];
}

/** Holds what was sent, what each destination took and what the relay says of it against each other. */
export function accountFor(
  book: DestinationBook,
  sent: readonly SentEvent[],
  details: ReadonlyMap<string, EventDetail>,
): DestinationAccount {
  const owed = sent.filter(
    ({ id, type, isAcknowledged }) =>
      isAcknowledged && book.wants(type) && (!book.hasLeft || statusOf(book, details.get(id)) !== "lost"),
  );
  const ends = Object.groupBy(
    owed.map(({ id }) => ({ id, end: book.taken.has(id) ? "delivered" : statusOf(book, details.get(id)) })),
    ({ end }) => end,
  );
  const idsOf = (end: keyof typeof ends) => (ends[end] ?? []).map(({ id }) => id);
  const wantedIds = new Set(sent.filter(({ type }) => book.wants(type)).map(({ id }) => id));
  return {
    destination: book.name,
    wanted: owed.length,
    delivered: idsOf("delivered").length,
    repeated: book.taken.values().reduce((sum, times) => sum + times - 1, 0),
    dead: idsOf("dead"),
    pending: idsOf("pending"),
    lost: idsOf("lost"),
    unasked: [...book.taken.keys()].filter((id) => !wantedIds.has(id)),
  };
}

/** Where a delivery that the destination has not taken stands. Called delivered all the same, it is lost. */
function statusOf({ destinationId }: DestinationBook, detail: EventDetail | undefined): "pending" | "dead" | "lost" {
  if (detail === undefined) return "lost";
  if (isBeforeFanOut(detail)) return "pending";
  const status = detail.deliveries.find(({ destination_id }) => destination_id === destinationId)?.status;
  return status === undefined || status === "delivered" ? "lost" : status;
}

/** Recorded, and nobody has looked yet who wants it. */
export function isBeforeFanOut({ state, deliveries }: EventDetail): boolean {
  return state === "pending" && deliveries.length === 0;
}
