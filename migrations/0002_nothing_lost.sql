-- Resting destinations, replay, quarantine that is released or settled, dead letters, and what the ledger counts.

-- The counts stand before the body, so that they are read without it.
CREATE TABLE events_with_counts (
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
  claims          INTEGER NOT NULL DEFAULT 0, -- times that a consumer had it; more than a few came to nothing
  owed            TEXT,             -- JSON array of the destinations that get it; null until fan-out
  duplicates      INTEGER NOT NULL DEFAULT 0, -- times it came again
  conflicts       INTEGER NOT NULL DEFAULT 0, -- of these, with another body
  is_unreadable   INTEGER NOT NULL DEFAULT 0 CHECK (is_unreadable IN (0, 1)), -- released as it was: body is base64
  content_type    TEXT,
  body            TEXT    NOT NULL  -- as received, byte for byte
) STRICT, WITHOUT ROWID;

INSERT INTO events_with_counts (id, source, type, event, organization_id, resource_id, created_at, received_at,
  queued_at, claimed_until, owed, content_type, body)
SELECT id, source, type, event, organization_id, resource_id, created_at, received_at,
  queued_at, claimed_until, owed, content_type, body
FROM events;

DROP TABLE events;
ALTER TABLE events_with_counts RENAME TO events;
CREATE INDEX events_by_time ON events (received_at, id, type, organization_id);

-- Waits of the retry schedule that are used up. A replay begins anew.
ALTER TABLE deliveries ADD COLUMN step INTEGER NOT NULL DEFAULT 0;
-- Times that it was claimed since something was last written down of it.
ALTER TABLE deliveries ADD COLUMN claims INTEGER NOT NULL DEFAULT 0;
UPDATE deliveries SET step = json_array_length(attempts);

-- A destination's dead deliveries are listed and replayed without walking its history.
CREATE INDEX deliveries_dead ON deliveries (destination_id, received_at) WHERE status = 'dead';

ALTER TABLE destinations ADD COLUMN consecutive_timeouts INTEGER NOT NULL DEFAULT 0;
ALTER TABLE destinations ADD COLUMN failing_since INTEGER; -- first failure of the present run
ALTER TABLE destinations ADD COLUMN resting_since INTEGER; -- null: its circuit breaker is closed
ALTER TABLE destinations ADD COLUMN failed_probes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE destinations ADD COLUMN next_turn_at INTEGER; -- until then the lane leaves it alone: resting, or paced

ALTER TABLE quarantine ADD COLUMN settled_at INTEGER; -- released, or accepted by another way; null: waits
DROP INDEX quarantine_by_time;
CREATE INDEX quarantine_by_time ON quarantine (received_at, id, event_id, reason, size_bytes, settled_at);

-- What waits is counted, summed and listed without what has been settled. The statement that adds to it bounds it.
CREATE INDEX quarantine_waiting ON quarantine (received_at, id, event_id, size_bytes, settled_at) WHERE settled_at IS NULL;

-- What the queues gave up on.
CREATE TABLE dead_letters (
  id             TEXT    NOT NULL PRIMARY KEY, -- of the queue message
  kind           TEXT    NOT NULL,             -- of the message; 'unknown' when nothing could be read
  event_id       TEXT,
  destination_id TEXT,
  received_at    INTEGER NOT NULL,             -- by the dead-letter consumer
  replayed_at    INTEGER,                      -- null: waits
  message        TEXT    NOT NULL              -- JSON
) STRICT, WITHOUT ROWID;

CREATE INDEX dead_letters_by_time ON dead_letters (received_at, id);

-- A destination that is being filled with its past, page by page.
CREATE TABLE replays (
  id             TEXT    NOT NULL PRIMARY KEY,
  destination_id TEXT    NOT NULL,
  which          TEXT    NOT NULL CHECK (which IN ('failed', 'missing', 'all')),
  since          INTEGER NOT NULL, -- of the events' receipt, inclusive
  until          INTEGER NOT NULL, -- exclusive
  reached_at     INTEGER NOT NULL, -- the last event looked at: its receipt …
  reached_id     TEXT    NOT NULL, -- … and id
  created_at     INTEGER NOT NULL,
  finished_at    INTEGER
) STRICT, WITHOUT ROWID;
