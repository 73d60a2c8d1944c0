-- Who may use the operator's API beside the bearer of ADMIN_TOKEN.
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
  before  TEXT,          -- JSON; null: it was not there
  after   TEXT           -- JSON; null: it is gone
) STRICT, WITHOUT ROWID;
