/** The event that was recorded last, for who looks from outside of the Worker. */
export const latestEventSql = "SELECT type, received_at FROM events ORDER BY seq DESC LIMIT 1";
