import { destinationAddress } from "../addresses.ts";

interface Named {
  readonly id: string;
  readonly description: string | null;
  readonly url: string;
}

export function DestinationLink({ destination }: { readonly destination: Named }) {
  return (
    <a href={destinationAddress(destination.id)}>
      <bdi>{destinationName(destination)}</bdi>
    </a>
  );
}

/** What a destination is called: its description, or where it is. */
export function destinationName({ description, url }: Pick<Named, "description" | "url">): string {
  return description ?? hostOf(url);
}

/** A path or a query can hold a secret. */
export function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : url;
}
