import type { Named } from "../../../store/id-search.ts";
import { addresses, eventAddress, resourceAddress } from "../../addresses.ts";
import { Notice } from "../../ui/layout.tsx";
import { ShortId, Time } from "../../ui/values.tsx";

/** What an id names that is no event's. */
export function FoundById({ named }: { readonly named: Named }) {
  const { resources, isInQuarantine, isCutShort } = named;
  return (
    <>
      {isInQuarantine ? (
        <Notice kind="info">
          An event of this id waits in <a href={addresses.quarantine}>quarantine</a>.
        </Notice>
      ) : null}
      {resources.map((resource) => (
        <Notice kind="info">
          This is a resource of <bdi>{resource.type}</bdi>, of organization <ShortId id={resource.organizationId} />:{" "}
          <a href={resourceAddress(resource.organizationId, resource.type, resource.resourceId)}>its present state</a>{" "}
          came with <a href={eventAddress(resource.eventId)}>an event</a> of <Time at={resource.receivedAt} />. Its
          events up to then are these, as far back as a page looks.
        </Notice>
      ))}
      {resources.length === 0 && isCutShort ? (
        <Notice kind="info">
          There are too many organizations to ask each for a resource of this id: name one under “Organization and
          time”.
        </Notice>
      ) : null}
    </>
  );
}
