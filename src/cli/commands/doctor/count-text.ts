/** A count of something of which no more than a limit were looked at. */
export function countText(count: number, limit: number): string {
  return count >= limit ? `${limit} or more` : String(count);
}
