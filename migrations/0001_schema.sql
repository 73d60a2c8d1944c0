-- No semicolon and no quote in a comment: the service that takes this file over the network splits it by them.
--
-- Times ending in _at are Unix milliseconds unless their comment says otherwise. D1 bills rows written, and an index costs one
-- more for each row. Wide rows are in tables with a rowid: a table WITHOUT ROWID keeps a row of more than a kilobyte in pages
-- of its own.

-- Every authentic event, once. The row is the acknowledgement.
CREATE TABLE events (
  -- The order in which events are recorded. received_at never decreases along it, so a time is found by halving and needs no
  -- index of its own (src/store/event-order.ts).
  seq              INTEGER PRIMARY KEY,
  id               TEXT    NOT NULL UNIQUE,
  source           TEXT    NOT NULL CHECK (source IN ('business', 'onboarding')),
  type             TEXT    NOT NULL,
  event            TEXT,
  organization_id  TEXT,
  resource_id      TEXT,
  created_at       TEXT,             -- of the envelope, ISO 8601 in UTC, null when it is no date
  received_at      INTEGER NOT NULL,
  queued_at        INTEGER NOT NULL, -- when a queue message about it was last sent, or is about to be
  lease_until      INTEGER,          -- end of the lease of the consumer that makes the first attempts
  claims           INTEGER NOT NULL DEFAULT 0, -- times that a consumer claimed it, more than a few are a sign that it cannot be dispatched
  -- JSON object, the destinations that get it by id, null until they are known, and at first when there are none. The value is
  -- the first attempt, if it succeeded: [at, status, duration_ms, response_excerpt]. Otherwise it is null. A row of deliveries,
  -- where there is one, says how the delivery stands.
  recipients       TEXT,
  duplicates       INTEGER NOT NULL DEFAULT 0, -- further arrivals of the same event
  conflicts        INTEGER NOT NULL DEFAULT 0, -- those of them with another body
  is_unreadable    INTEGER NOT NULL DEFAULT 0 CHECK (is_unreadable IN (0, 1)), -- released as it was: body is base64
  content_type     TEXT,
  content_encoding TEXT,             -- as its sender says, goes out with the body: the relay never decodes it
  body             TEXT    NOT NULL  -- as received, byte for byte
) STRICT;

-- The ledger sums duplicates and conflicts without reading the other events.
CREATE INDEX events_repeated ON events (seq, duplicates, conflicts) WHERE duplicates > 0 OR conflicts > 0;

-- A delivery whose first attempt did not succeed or is left to a drain, or that was replayed. Clustered by destination and time.
CREATE TABLE deliveries (
  destination_id  TEXT    NOT NULL,
  received_at     INTEGER NOT NULL, -- of the event
  event_id        TEXT    NOT NULL,
  status          TEXT    NOT NULL CHECK (status IN ('pending', 'delivered', 'dead')),
  attempts        TEXT    NOT NULL, -- JSON array, oldest first
  -- When it is due, and while it is claimed the end of its lease (src/store/drain.ts). Null unless pending.
  next_attempt_at INTEGER,
  step            INTEGER NOT NULL DEFAULT 0, -- steps of the retry schedule that are used up, 0 again after a replay
  claims          INTEGER NOT NULL DEFAULT 0, -- times that it was claimed since it was last written
  named           INTEGER NOT NULL DEFAULT 0, -- 1: an operator named its destination, which gets it even if its filters exclude it
  PRIMARY KEY (destination_id, received_at, event_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX deliveries_pending ON deliveries (destination_id, next_attempt_at) WHERE status = 'pending';

-- Dead deliveries of a destination are listed and replayed without reading its others.
CREATE INDEX deliveries_dead ON deliveries (destination_id, received_at) WHERE status = 'dead';

CREATE TABLE destinations (
  id                     TEXT    NOT NULL PRIMARY KEY,
  url                    TEXT    NOT NULL,
  description            TEXT,
  types                  TEXT    NOT NULL, -- JSON array, empty: all
  organizations          TEXT,             -- JSON array, null: all
  enabled                INTEGER NOT NULL CHECK (enabled IN (0, 1)),
  retry_schedule_seconds TEXT,             -- JSON array, null: the default schedule
  timeout_ms             INTEGER NOT NULL,
  max_per_second         REAL,
  secret                 TEXT    NOT NULL, -- encrypted (src/platform/encryption.ts)
  -- JSON array of {secret, until}: encrypted secrets that also sign, until a time, after a rotation.
  previous_secrets       TEXT    NOT NULL DEFAULT '[]',
  created_at             INTEGER NOT NULL,
  updated_at             INTEGER NOT NULL,
  -- The rest is written when the health changes. A success after a success is not: it is read off its event.
  is_slow                INTEGER NOT NULL DEFAULT 0 CHECK (is_slow IN (0, 1)), -- 1: its last attempt timed out or took over a second
  consecutive_failures   INTEGER NOT NULL DEFAULT 0,
  consecutive_timeouts   INTEGER NOT NULL DEFAULT 0,
  failing_since          INTEGER,          -- first of the consecutive failures
  last_success_at        INTEGER,
  last_failure_at        INTEGER,
  circuit_opened_at      INTEGER,          -- null: its circuit breaker is closed
  failed_probes          INTEGER NOT NULL DEFAULT 0,
  -- No drain begins before: the end of the lease of an exclusive drain, the next probe, or the gap after a paced drain. Null: any time.
  next_drain_at          INTEGER,
  held_until             INTEGER           -- it answered 429 or 503 with Retry-After: no attempt before (src/domain/hold.ts)
) STRICT, WITHOUT ROWID;

-- Latest state: one row per organization, type and resource. Its data is in its event, which stays as long as the row.
CREATE TABLE resources (
  organization_id TEXT    NOT NULL,
  type            TEXT    NOT NULL,
  resource_id     TEXT    NOT NULL, -- empty for a type without one
  event           TEXT,
  deleted         INTEGER NOT NULL CHECK (deleted IN (0, 1)),
  version         TEXT    NOT NULL, -- sorts as the version rule says (src/domain/version.ts)
  version_at      TEXT,             -- ISO 8601 in UTC
  event_seq       INTEGER NOT NULL, -- of the event
  PRIMARY KEY (organization_id, type, resource_id)
) STRICT, WITHOUT ROWID;

-- Every stage of a registration. The greatest version is the present stage.
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
  id               TEXT    NOT NULL PRIMARY KEY, -- SHA-256 of the id of the event, or of the body without one
  event_id         TEXT,
  reason           TEXT    NOT NULL CHECK (reason IN ('timestamp_too_old', 'unreadable')),
  source           TEXT    NOT NULL CHECK (source IN ('business', 'onboarding')),
  received_at      INTEGER NOT NULL,
  size_bytes       INTEGER NOT NULL,
  settled_at       INTEGER,                     -- when it was released, or its event accepted otherwise, null: waits
  content_type     TEXT,
  content_encoding TEXT,
  body             BLOB    NOT NULL             -- may be no text
) STRICT, WITHOUT ROWID;

CREATE INDEX quarantine_by_time ON quarantine (received_at, id, event_id, reason, size_bytes, settled_at);

-- The copies that wait are counted, summed and listed without the settled ones. The statement that adds one bounds them.
CREATE INDEX quarantine_waiting ON quarantine (received_at, id, event_id, size_bytes, settled_at) WHERE settled_at IS NULL;

-- Messages that used up their tries in their queue.
CREATE TABLE dead_letters (
  id             TEXT    NOT NULL PRIMARY KEY, -- of the queue message
  kind           TEXT    NOT NULL,             -- of the message, or unknown
  event_id       TEXT,
  destination_id TEXT,
  received_at    INTEGER NOT NULL,             -- by the dead-letter consumer
  replayed_at    INTEGER,                      -- null: not yet
  message        TEXT    NOT NULL              -- JSON
) STRICT, WITHOUT ROWID;

CREATE INDEX dead_letters_by_time ON dead_letters (received_at, id);

-- Replays of a range of events to a destination, page by page.
CREATE TABLE replays (
  id             TEXT    NOT NULL PRIMARY KEY,
  destination_id TEXT    NOT NULL,
  which          TEXT    NOT NULL CHECK (which IN ('failed', 'missing', 'all')),
  since          INTEGER NOT NULL, -- receipt of the first event, inclusive
  until          INTEGER NOT NULL, -- exclusive
  reached_at     INTEGER NOT NULL, -- receipt of the last event looked at
  reached_id     TEXT    NOT NULL, -- its id
  created_at     INTEGER NOT NULL,
  finished_at    INTEGER
) STRICT, WITHOUT ROWID;

-- Access tokens beside ADMIN_TOKEN.
CREATE TABLE tokens (
  id           TEXT    NOT NULL PRIMARY KEY,
  name         TEXT    NOT NULL UNIQUE,
  access       TEXT    NOT NULL CHECK (access IN ('read', 'full')),
  digest       TEXT    NOT NULL UNIQUE, -- SHA-256 of the token: 32 random bytes need no salt
  created_at   INTEGER NOT NULL,
  last_used_at INTEGER                  -- to the hour
) STRICT, WITHOUT ROWID;

-- Who changed what. Ids begin with the time, so they sort by it.
CREATE TABLE audit (
  id      TEXT NOT NULL PRIMARY KEY,
  token   TEXT NOT NULL, -- name of the token
  action  TEXT NOT NULL,
  subject TEXT NOT NULL, -- id of what was changed
  outcome TEXT NOT NULL CHECK (outcome IN ('begun', 'done', 'failed')),
  before  TEXT,          -- JSON, null: it was not there
  after   TEXT           -- JSON, null: it is gone
) STRICT, WITHOUT ROWID;

-- Answers to creating requests with an Idempotency-Key, for a day. The same request gets the same answer.
CREATE TABLE idempotency_keys (
  id           TEXT    NOT NULL PRIMARY KEY, -- SHA-256 of the token and the key
  request      TEXT    NOT NULL,             -- SHA-256 of method, path and body
  created_at   INTEGER NOT NULL,
  claim        TEXT    NOT NULL,             -- of the latest try
  leased_until INTEGER NOT NULL,             -- of that try
  status       INTEGER,                      -- of the answer, null until there is one
  content      TEXT    NOT NULL              -- encrypted: the answer, or until there is one the seed of the tries
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

-- Counters of what no other row tells: a row for each hour, and one, the hour 0, for all time.
CREATE TABLE counters (
  hour   INTEGER NOT NULL PRIMARY KEY, -- since 1970
  counts TEXT    NOT NULL              -- JSON object: a number for each series
) STRICT;

-- The ledger of closed hours: nothing is pending in them, and no event can be added. What changes an event or a delivery of
-- such an hour deletes its row in the same transaction (src/store/ledger-hours.ts).
CREATE TABLE ledger_hours (
  hour       INTEGER NOT NULL PRIMARY KEY, -- since 1970, by receipt of the events
  counts     TEXT    NOT NULL,             -- JSON object
  checked_at INTEGER NOT NULL              -- when it was last counted from the rows
) STRICT;

-- What the cron remembers from one run to the next (src/store/cron-state.ts).
CREATE TABLE cron_state (
  name  TEXT    NOT NULL PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
