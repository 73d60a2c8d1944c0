/** The migrations that this version of the relay needs, as the folder `migrations` has them. */
export const expectedMigrations: readonly string[] = [
  "0001_relay.sql",
  "0002_nothing_lost.sql",
  "0003_secrets.sql",
  "0004_access.sql",
  "0005_tallies.sql",
  "0006_content_encoding.sql",
  "0007_idempotency.sql",
  "0008_asking_for_less.sql",
];
