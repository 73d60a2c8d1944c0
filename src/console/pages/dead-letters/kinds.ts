interface Kind {
  readonly short: string;
  /** What the queues gave up on. */
  readonly what: string;
  /** What is still kept, and what to do. */
  readonly advice: string;
  readonly isReplayable: boolean;
}

const event: Kind = {
  short: "Event",
  what: "An event that was to be handed to the destinations that want it. The relay failed at it in each of its tries.",
  advice:
    "The event is in the ledger, and the relay takes it up again by itself. If it still waits once the fault is mended, replay the message: a destination that has the event already does not get it twice.",
  isReplayable: true,
};

const kinds: ReadonlyMap<string, Kind> = new Map([
  ["event", event],
  [
    "quarantine",
    {
      short: "Unreadable body",
      what: "A body that cannot be read, on its way into quarantine.",
      advice:
        "It was put into quarantine as this letter was written, if there was room. If it is not there, make room and replay the message, for this letter may be all that is left of it.",
      isReplayable: true,
    },
  ],
  [
    "drain",
    {
      short: "Later attempt",
      what: "The reminder that a destination is owed events and that it is time to try again.",
      advice:
        "What the destination is owed is kept, and the relay reminds itself again within minutes. Replay the message if the destination's events wait all the same.",
      isReplayable: true,
    },
  ],
]);

const unknown: Kind = {
  short: "Unknown",
  what: "A message that this version of the relay cannot read: another version may have sent it.",
  advice: "No queue takes it, so it cannot be replayed. Read it, find out who sent it, and then delete it.",
  isReplayable: false,
};

/** A kind of message in plain words. */
export function kindOf(name: string): Kind {
  return kinds.get(name) ?? unknown;
}
