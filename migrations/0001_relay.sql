-- Times ending in _at are Unix milliseconds unless their comment says otherwise. Rows written are the bill: every
-- table is clustered on the key by which the hot path reads it, and an index must earn its row.

-- Every authentic event, once. The row is the acknowledgement.
CREATE TABLE events (
  id              TEXT    NOT NULL PRIMARY KEY,
  source          TEXT    NOT NULL CHECK (source IN ('business', 'onboarding')),
  type            TEXT    NOT NULL,
  event           TEXT,
  organization_id TEXT,
  resource_id     TEXT,
  created_at      TEXT,             -- the envelope's own, ISO 8601 in UTC; null when it is no date
  received_at     INTEGER NOT NULL,
  queued_at       INTEGER NOT NULL, -- when its queue message was last promised
  claimed_until   INTEGER,          -- lease of the consumer that makes the first attempts
  owed            TEXT,             -- JSON array of the destinations that get it; null until fan-out
  content_type    TEXT,
  body            TEXT    NOT NULL  -- as received, byte for byte
) STRICT, WITHOUT ROWID;

-- Newest first, for the operator; oldest first, for the cron. Type and organization ride along so that a filter
-- reads the index alone.
CREATE INDEX events_by_time ON events (received_at, id, type, organization_id);

-- What a destination is owed of an event. Clustered by destination and time: its history is one range, and the
-- deliveries of one event are found through events.owed.
CREATE TABLE deliveries (
  destination_id  TEXT    NOT NULL,
  received_at     INTEGER NOT NULL, -- of the event
  event_id        TEXT    NOT NULL,
  status          TEXT    NOT NULL CHECK (status IN ('pending', 'delivered', 'dead')),
  attempts        TEXT    NOT NULL, -- JSON array, oldest first
  next_attempt_at INTEGER,          -- null unless pending
  PRIMARY KEY (destination_id, received_at, event_id)
) STRICT, WITHOUT ROWID;

-- Only what is still owed is in it: a first attempt that succeeds never is.
CREATE INDEX deliveries_pending ON deliveries (destination_id, next_attempt_at) WHERE status = 'pending';

CREATE TABLE destinations (
  id                     TEXT    NOT NULL PRIMARY KEY,
  url                    TEXT    NOT NULL,
  description            TEXT,
  types                  TEXT    NOT NULL, -- JSON array; empty: all
  organizations          TEXT,             -- JSON array; null: all
  enabled                INTEGER NOT NULL CHECK (enabled IN (0, 1)),
  retry_schedule_seconds TEXT,             -- JSON array; null: the default ladder
  timeout_ms             INTEGER NOT NULL,
  max_per_second         REAL,
  secret                 TEXT    NOT NULL,
  created_at             INTEGER NOT NULL,
  updated_at             INTEGER NOT NULL,
  -- The rest is written when the health changes; a success after a success is read off its delivery.
  on_lane                INTEGER NOT NULL DEFAULT 0 CHECK (on_lane IN (0, 1)), -- src/domain/destination.ts
  consecutive_failures   INTEGER NOT NULL DEFAULT 0,
  last_success_at        INTEGER,
  last_failure_at        INTEGER
) STRICT, WITHOUT ROWID;

-- Latest state: one row per organization, type and resource.
CREATE TABLE resources (
  organization_id TEXT    NOT NULL,
  type            TEXT    NOT NULL,
  resource_id     TEXT    NOT NULL, -- '' for a type without one
  event           TEXT,
  deleted         INTEGER NOT NULL CHECK (deleted IN (0, 1)),
  version         TEXT    NOT NULL, -- sorts as the version rule says (src/domain/version.ts)
  version_at      TEXT,             -- ISO 8601 in UTC
  event_id        TEXT    NOT NULL,
  received_at     INTEGER NOT NULL,
  data            TEXT    NOT NULL, -- JSON
  PRIMARY KEY (organization_id, type, resource_id)
) STRICT, WITHOUT ROWID;

-- Every stage a registration went through; the greatest version is the present one.
CREATE TABLE registration_stages (
  registration_id TEXT NOT NULL,
  version         TEXT NOT NULL,
  stage           TEXT NOT NULL,
  at              TEXT,             -- ISO 8601 in UTC
  event_id        TEXT NOT NULL,
  is_registration INTEGER NOT NULL CHECK (is_registration IN (0, 1)), -- 0: a reset, which names an organization
  PRIMARY KEY (registration_id, version)
) STRICT, WITHOUT ROWID;

-- Authentic, but stale or unreadable.
CREATE TABLE quarantine (
  id           TEXT    NOT NULL PRIMARY KEY, -- SHA-256 of the event's id, or of the body without one
  event_id     TEXT,
  reason       TEXT    NOT NULL CHECK (reason IN ('timestamp_too_old', 'unreadable')),
  source       TEXT    NOT NULL CHECK (source IN ('business', 'onboarding')),
  received_at  INTEGER NOT NULL,
  size_bytes   INTEGER NOT NULL,
  content_type TEXT,
  body         BLOB    NOT NULL              -- perhaps no text at all
) STRICT, WITHOUT ROWID;

CREATE INDEX quarantine_by_time ON quarantine (received_at, id, event_id, reason, size_bytes);

-- What the cron remembers from one run to the next.
CREATE TABLE marks (
  name  TEXT    NOT NULL PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
