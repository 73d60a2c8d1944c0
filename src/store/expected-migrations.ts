/** The migrations that this version of the relay needs, as the folder `migrations` has them. */
export const expectedMigrations: readonly string[] = ["0001_schema.sql"];
