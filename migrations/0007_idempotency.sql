-- Answers to creating requests that bore an Idempotency-Key, for a day: who repeats one gets the same answer again.
CREATE TABLE idempotency_keys (
  id           TEXT    NOT NULL PRIMARY KEY, -- SHA-256 of whose token it was, and the key
  request      TEXT    NOT NULL,             -- SHA-256 of method, path and body
  created_at   INTEGER NOT NULL,
  claim        TEXT    NOT NULL,             -- of the try that works on it, or did
  leased_until INTEGER NOT NULL,             -- while it does
  status       INTEGER,                      -- of the answer; null: there is none yet
  content      TEXT    NOT NULL              -- encrypted: the answer, or the chance of the tries until there is one
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

-- From now on a named token proves that this relay has made it: those made before would let nobody in.
DELETE FROM tokens;
