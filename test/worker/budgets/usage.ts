/** What the platform counts, and what it bills for; here of some events together. */
export interface Usage {
  readonly requests: number;
  readonly consumerInvocations: number;
  /** Not billed; each is a round trip to the one primary. */
  readonly databaseCalls: number;
  readonly rowsWritten: number;
  readonly rowsRead: number;
  /** For each message a write, a delete, and a read for each delivery to a consumer. */
  readonly queueOperations: number;
  /** Lines of ours: the platform's record of each invocation is switched off (wrangler.toml). */
  readonly logEvents: number;
  /** By which D1 grows, of what stays a month. */
  readonly bytesStored: number;
}

export const noUsage: Usage = {
  requests: 0,
  consumerInvocations: 0,
  databaseCalls: 0,
  rowsWritten: 0,
  rowsRead: 0,
  queueOperations: 0,
  logEvents: 0,
  bytesStored: 0,
};
