-- No semicolon and no quote in a comment: the service that takes this file over the network splits it by them.
--
-- Times ending in _at are Unix milliseconds unless their comment says otherwise. Rows written are the bill: an index must
-- earn its row. Wide rows are in tables with a rowid: one WITHOUT ROWID keeps a row of more than a kilobyte in pages of its own.

-- Every authentic event, once. The row is the acknowledgement.
CREATE TABLE events (
  -- The order in which events are recorded. received_at never decreases along it, so a time is found in it by halving
  -- (src/store/event-order.ts) and needs no index of its own.
  seq              INTEGER PRIMARY KEY,
  id               TEXT    NOT NULL UNIQUE,
  source           TEXT    NOT NULL CHECK (source IN ('business', 'onboarding')),
  type             TEXT    NOT NULL,
  event            TEXT,
  organization_id  TEXT,
  resource_id      TEXT,
  created_at       TEXT,             -- of the envelope, ISO 8601 in UTC, null when it is no date
  received_at      INTEGER NOT NULL,
  queued_at        INTEGER NOT NULL, -- when its queue message was last promised
  claimed_until    INTEGER,          -- lease of the consumer that makes the first attempts
  claims           INTEGER NOT NULL DEFAULT 0, -- times that a consumer claimed it, more than a few came to nothing
  -- JSON object, the destinations that get it by id, null until somebody has asked who wants it. The value is the first
  -- attempt, if it succeeded: [at, status, duration_ms, response_excerpt]. Otherwise it is null, and a row of `deliveries`
  -- says how the delivery stands. Where there is such a row, it counts.
  recipients       TEXT,
  duplicates       INTEGER NOT NULL DEFAULT 0, -- times that it came again
  conflicts        INTEGER NOT NULL DEFAULT 0, -- of these, with another body
  is_unreadable    INTEGER NOT NULL DEFAULT 0 CHECK (is_unreadable IN (0, 1)), -- released as it was: body is base64
  content_type     TEXT,
  content_encoding TEXT,             -- as its sender says: nobody decodes it here, so it goes out with the body
  body             TEXT    NOT NULL  -- as received, byte for byte
) STRICT;

-- The ledger sums duplicates and conflicts without walking the events that came once.
CREATE INDEX events_repeated ON events (seq, duplicates, conflicts) WHERE duplicates > 0 OR conflicts > 0;

-- A delivery that did not succeed at its first attempt, or that was replayed. Clustered by destination and time.
CREATE TABLE deliveries (
  destination_id  TEXT    NOT NULL,
  received_at     INTEGER NOT NULL, -- of the event
  event_id        TEXT    NOT NULL,
  status          TEXT    NOT NULL CHECK (status IN ('pending', 'delivered', 'dead')),
  attempts        TEXT    NOT NULL, -- JSON array, oldest first
  next_attempt_at INTEGER,          -- null unless pending
  step            INTEGER NOT NULL DEFAULT 0, -- steps of the retry schedule that are used up, a replay begins again
  claims          INTEGER NOT NULL DEFAULT 0, -- times that it was claimed since something was last written down of it
  named           INTEGER NOT NULL DEFAULT 0, -- 1: an operator named its destination, which gets it whether it wants it or not
  PRIMARY KEY (destination_id, received_at, event_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX deliveries_pending ON deliveries (destination_id, next_attempt_at) WHERE status = 'pending';

-- Dead deliveries of a destination are listed and replayed without walking its history.
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
  -- JSON array of {secret, until}: what else signs while a secret is being rotated, each encrypted, each until a time.
  previous_secrets       TEXT    NOT NULL DEFAULT '[]',
  created_at             INTEGER NOT NULL,
  updated_at             INTEGER NOT NULL,
  -- The rest is written when the health changes. A success after a success is read off its event.
  isolated               INTEGER NOT NULL DEFAULT 0 CHECK (isolated IN (0, 1)), -- src/domain/destination.ts
  consecutive_failures   INTEGER NOT NULL DEFAULT 0,
  consecutive_timeouts   INTEGER NOT NULL DEFAULT 0,
  failing_since          INTEGER,          -- first failure of the present run
  last_success_at        INTEGER,
  last_failure_at        INTEGER,
  circuit_opened_at      INTEGER,          -- null: its circuit breaker is closed
  failed_probes          INTEGER NOT NULL DEFAULT 0,
  next_drain_at          INTEGER,          -- until then nothing of it is drained
  held_until             INTEGER           -- it asked for less: until then nothing is attempted (src/domain/hold.ts)
) STRICT, WITHOUT ROWID;

-- Latest state: one row per organization, type and resource. Its data is in the event it came with, which stays as long.
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

-- Every stage a registration went through. The greatest version is the present one.
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
  settled_at       INTEGER,                     -- released, or accepted by another way, null: waits
  content_type     TEXT,
  content_encoding TEXT,
  body             BLOB    NOT NULL             -- perhaps no text at all
) STRICT, WITHOUT ROWID;

CREATE INDEX quarantine_by_time ON quarantine (received_at, id, event_id, reason, size_bytes, settled_at);

-- What waits is counted, summed and listed without what has been settled. The statement that adds to it bounds it.
CREATE INDEX quarantine_waiting ON quarantine (received_at, id, event_id, size_bytes, settled_at) WHERE settled_at IS NULL;

-- What the queues gave up on.
CREATE TABLE dead_letters (
  id             TEXT    NOT NULL PRIMARY KEY, -- of the queue message
  kind           TEXT    NOT NULL,             -- of the message, unknown when nothing could be read
  event_id       TEXT,
  destination_id TEXT,
  received_at    INTEGER NOT NULL,             -- by the dead-letter consumer
  replayed_at    INTEGER,                      -- null: waits
  message        TEXT    NOT NULL              -- JSON
) STRICT, WITHOUT ROWID;

CREATE INDEX dead_letters_by_time ON dead_letters (received_at, id);

-- A destination that is sent its past, page by page.
CREATE TABLE replays (
  id             TEXT    NOT NULL PRIMARY KEY,
  destination_id TEXT    NOT NULL,
  which          TEXT    NOT NULL CHECK (which IN ('failed', 'missing', 'all')),
  since          INTEGER NOT NULL, -- receipt of the first event, inclusive
  until          INTEGER NOT NULL, -- exclusive
  reached_at     INTEGER NOT NULL, -- the last event looked at: its receipt …
  reached_id     TEXT    NOT NULL, -- … and id
  created_at     INTEGER NOT NULL,
  finished_at    INTEGER
) STRICT, WITHOUT ROWID;

-- Who may use the API beside the bearer of ADMIN_TOKEN.
CREATE TABLE tokens (
  id           TEXT    NOT NULL PRIMARY KEY,
  name         TEXT    NOT NULL UNIQUE,
  access       TEXT    NOT NULL CHECK (access IN ('read', 'full')),
  digest       TEXT    NOT NULL UNIQUE, -- SHA-256 of the token: 32 random bytes need no salt
  created_at   INTEGER NOT NULL,
  last_used_at INTEGER                  -- to the hour
) STRICT, WITHOUT ROWID;

-- Who changed what. The id begins with the time, so it is the order as well.
CREATE TABLE audit (
  id      TEXT NOT NULL PRIMARY KEY,
  token   TEXT NOT NULL, -- name of the token
  action  TEXT NOT NULL,
  subject TEXT NOT NULL, -- id of what was changed
  outcome TEXT NOT NULL CHECK (outcome IN ('begun', 'done', 'failed')),
  before  TEXT,          -- JSON, null: it was not there
  after   TEXT           -- JSON, null: it is gone
) STRICT, WITHOUT ROWID;

-- Answers to creating requests with an Idempotency-Key, for a day: the same request gets the same answer again.
CREATE TABLE idempotency_keys (
  id           TEXT    NOT NULL PRIMARY KEY, -- SHA-256 of the token and the key
  request      TEXT    NOT NULL,             -- SHA-256 of method, path and body
  created_at   INTEGER NOT NULL,
  claim        TEXT    NOT NULL,             -- of the try that works on it, or did
  leased_until INTEGER NOT NULL,             -- while it does
  status       INTEGER,                      -- of the answer, null: there is none yet
  content      TEXT    NOT NULL              -- encrypted: the answer, or the chance of the tries until there is one
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

-- Counts of what no other row tells: one row for each hour, and one, the hour 0, for all time.
CREATE TABLE counters (
  hour   INTEGER NOT NULL PRIMARY KEY, -- since 1970
  counts TEXT    NOT NULL              -- JSON object: a number for each series
) STRICT;

-- The ledger of hours in which nothing is pending and nothing can be recorded any more. What changes a row of such an hour
-- deletes it in the same transaction (src/store/ledger-hours.ts).
CREATE TABLE ledger_hours (
  hour       INTEGER NOT NULL PRIMARY KEY, -- since 1970, of the events receipt
  counts     TEXT    NOT NULL,             -- JSON object
  checked_at INTEGER NOT NULL              -- when it was last counted from the rows
) STRICT;

-- What the cron remembers from one run to the next.
CREATE TABLE cron_state (
  name  TEXT    NOT NULL PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
