import { DestinationLink } from "../../ui/destination.tsx";
import type { OverviewFigures } from "./figures.ts";

interface DetailProps {
  readonly text: string;
  /** Null while D1 does not give them. */
  readonly figures: OverviewFigures | null;
}

/** What a check found, with each destination by its name: the health is public, and knows ids only. */
export function Detail({ text, figures }: DetailProps) {
  return (
    <>
      {text.split(/\b(dst_\w+)/).map((part) => {
        const destination = figures?.destinations.find(({ id }) => id === part);
        return destination === undefined ? part : <DestinationLink destination={destination} />;
      })}
    </>
  );
}
