import { teamAddress } from "../addresses.ts";

interface Named {
  readonly id: string;
  readonly description: string | null;
  readonly url: string;
}

export function TeamLink({ team }: { readonly team: Named }) {
  return (
    <a href={teamAddress(team.id)}>
      <bdi>{teamName(team)}</bdi>
    </a>
  );
}

/** What a team is called: its description, or where it is. */
export function teamName({ description, url }: Pick<Named, "description" | "url">): string {
  return description ?? hostOf(url);
}

/** A path or a query can hold a secret. */
export function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : url;
}
