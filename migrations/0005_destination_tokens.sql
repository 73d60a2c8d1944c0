-- Tokens of one destination. A CHECK cannot be changed in place, so the table is made again with its rows.
CREATE TABLE new_tokens (
  id             TEXT    NOT NULL PRIMARY KEY,
  name           TEXT    NOT NULL UNIQUE,
  access         TEXT    NOT NULL CHECK (access IN ('read', 'full', 'destination')),
  digest         TEXT    NOT NULL UNIQUE, -- SHA-256 of the token: 32 random bytes need no salt
  created_at     INTEGER NOT NULL,
  last_used_at   INTEGER,                 -- to the hour
  destination_id TEXT,                    -- whose token it is, which is deleted with it
  CHECK ((access = 'destination') = (destination_id IS NOT NULL))
) STRICT, WITHOUT ROWID;

INSERT INTO new_tokens (id, name, access, digest, created_at, last_used_at)
SELECT id, name, access, digest, created_at, last_used_at FROM tokens;

DROP TABLE tokens;

ALTER TABLE new_tokens RENAME TO tokens;

-- For the deletion of a destination.
CREATE INDEX tokens_of_destination ON tokens (destination_id) WHERE destination_id IS NOT NULL;
