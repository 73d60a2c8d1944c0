-- Times are Unix milliseconds. No semicolon and no quote in a comment (0001_schema.sql says why).

-- Organizations of Qonto that an operator has connected by OAuth.
CREATE TABLE connections (
  id                     TEXT    NOT NULL PRIMARY KEY,
  organization_id        TEXT    NOT NULL,
  organization_name      TEXT,
  environment            TEXT    NOT NULL CHECK (environment IN ('production', 'sandbox')),
  -- expired: the tokens are lost for good. revoked: the consent was withdrawn at Qonto.
  status                 TEXT    NOT NULL CHECK (status IN ('connected', 'expired', 'revoked')),
  ended_at               INTEGER,          -- since when it is not connected
  relay_url              TEXT    NOT NULL, -- origin under which the operator connected it: webhooks go there
  connected_at           INTEGER NOT NULL,
  history_until          INTEGER NOT NULL, -- by the clock of Qonto: what changed before is history
  scopes                 TEXT    NOT NULL, -- JSON array, as granted
  access_token           TEXT    NOT NULL, -- encrypted
  access_expires_at      INTEGER NOT NULL,
  refresh_token          TEXT    NOT NULL, -- encrypted, replaced at each use, the one before is valid for 60 s more
  refreshed_at           INTEGER NOT NULL, -- when these tokens were written
  refresh_attempted_at   INTEGER,          -- an exchange of the refresh token that is in progress, or was interrupted
  refresh_failures       INTEGER NOT NULL DEFAULT 0, -- consecutive
  paused_until           INTEGER NOT NULL DEFAULT 0, -- Qonto refused or failed: the cron asks nothing of it before
  lease_until            INTEGER NOT NULL, -- end of the lease of the cron run that looks after it, or when the last one gave it back
  subscriptions          TEXT    NOT NULL DEFAULT '[]', -- JSON array, as last seen at Qonto (src/store/connections.ts)
  subscriptions_due_at   INTEGER NOT NULL, -- when they are next compared
  reconciled_until       INTEGER,          -- until when the state is known to equal the bank, null: not filled yet
  reconciliation_due_at  INTEGER NOT NULL,
  reconciliation_since   INTEGER,          -- an operator asked to read from then on
  reconciliation         TEXT,             -- JSON: the run in progress, how far it has read
  last_reconciliation    TEXT,             -- JSON: what the last finished run found
  last_error             TEXT,             -- a sentence, null when the last work on it succeeded
  UNIQUE (environment, organization_id)
) STRICT;

-- Requests of an operator to connect, until Qonto sends the browser back. Each is used once.
CREATE TABLE authorizations (
  state        TEXT    NOT NULL PRIMARY KEY, -- SHA-256 of the state
  owner        TEXT    NOT NULL,             -- SHA-256 of what the browser of the operator keeps
  verifier     TEXT    NOT NULL,             -- of PKCE, encrypted
  redirect_uri TEXT    NOT NULL,
  created_at   INTEGER NOT NULL,
  used_at      INTEGER
) STRICT, WITHOUT ROWID;
