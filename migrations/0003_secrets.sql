-- destinations.secret is sealed from now on (src/platform/seal.ts); what is there already, the cron seals.

-- JSON array of {secret, until}: what else signs while a secret is being rotated, each sealed, each until a time.
ALTER TABLE destinations ADD COLUMN previous_secrets TEXT NOT NULL DEFAULT '[]';
