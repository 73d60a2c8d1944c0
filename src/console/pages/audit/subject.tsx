import type { AuditRecord } from "../../../store/audit.ts";
import { deadLetterAddress, eventAddress, quarantinedAddress } from "../../addresses.ts";
import { ShortId } from "../../components/short-id.tsx";
import { TeamLink } from "../../components/team-link.tsx";

type Team = Parameters<typeof TeamLink>[0]["team"];

interface SubjectProps {
  readonly record: AuditRecord;
  /** The teams among the subjects that are still there. */
  readonly teams: readonly Team[];
}

/** What a record is about, with the way to its page where it has one. */
export function Subject({ record: { action, subject }, teams }: SubjectProps) {
  const team = teams.find(({ id }) => id === subject);
  const address = addressOf(action, subject);
  return (
    <span class="audit-subject">
      {team !== undefined ? (
        <TeamLink team={team} />
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
