import { addresses, newDestinationAddress } from "../../addresses.ts";
import { EmptyState } from "../../ui/table.tsx";
import { DestinationTable } from "../../ui/destination.tsx";
import type { OverviewFigures } from "./figures.ts";

interface DestinationsProps {
  readonly destinations: OverviewFigures["destinations"];
  readonly now: number;
}

/** Each destination with its state and its latest deliveries. */
export function Destinations({ destinations, now }: DestinationsProps) {
  return (
    <section aria-labelledby="destinations">
      <h2 id="destinations">
        <a href={addresses.destinations}>Destinations</a>
      </h2>
      {destinations.length === 0 ? (
        <EmptyState title="No destination gets events yet.">
          <p>
            <a href={newDestinationAddress}>Add the first destination</a>: its URL and the types of event that it wants.
          </p>
        </EmptyState>
      ) : (
        <DestinationTable destinations={destinations} now={now} />
      )}
    </section>
  );
}
