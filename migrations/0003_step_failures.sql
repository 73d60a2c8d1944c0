-- Consecutive failures of the steps that need Qonto, which say for how long a connection is paused (src/connection/look-after.ts).
ALTER TABLE connections ADD COLUMN step_failures INTEGER NOT NULL DEFAULT 0;
