/** What `npm run deploy` asks the database by Cloudflare's API. */

export const latestEventSql = "SELECT type, received_at FROM events WHERE seq = (SELECT max(seq) FROM events)";

/** A row, if any secret of a destination is kept. */
export const anyDestinationSql = "SELECT 1 AS found FROM destinations LIMIT 1";
