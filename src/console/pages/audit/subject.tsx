import type { AuditRecord } from "../../../store/audit.ts";
import { deadLetterAddress, eventAddress, quarantinedAddress } from "../../addresses.ts";
import { ShortId } from "../../ui/values.tsx";
import { DestinationLink } from "../../ui/destination.tsx";

type Destination = Parameters<typeof DestinationLink>[0]["destination"];

interface SubjectProps {
  readonly record: AuditRecord;
  /** The destinations among the subjects that are still there. */
  readonly destinations: readonly Destination[];
}

/** What a record is about, with the way to its page where it has one. */
export function Subject({ record: { action, subject }, destinations }: SubjectProps) {
  const destination = destinations.find(({ id }) => id === subject);
  const address = addressOf(action, subject);
  return (
    <span class="audit-subject">
      {destination !== undefined ? (
        <DestinationLink destination={destination} />
      ) : address === null ? (
        <ShortId id={subject} />
      ) : (
        <a href={address}>
          <ShortId id={subject} />
        </a>
      )}
    </span>
  );
}

/** Null where nothing is left to look at, or never was a page. */
function addressOf(action: string, subject: string): string | null {
  switch (action) {
    case "event.replayed":
      return eventAddress(subject);
    case "quarantine.released":
      return quarantinedAddress(subject);
    case "dead_letter.replayed":
      return deadLetterAddress(subject);
    default:
      return null;
  }
}
