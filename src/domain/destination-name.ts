/** What people call a destination: its description, or else its host. */
export function destinationName({
  description,
  url,
}: {
  readonly description: string | null;
  readonly url: string;
}): string {
  return description ?? hostOf(url);
}

/** The path and the query are left out, for they can hold a secret. */
export function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : url;
}
