-- Operational events about destinations, the quarantine and the health of the relay.
ALTER TABLE destinations ADD COLUMN gone_at INTEGER; -- when its 410 disabled it, null again when an operator enables it
ALTER TABLE destinations ADD COLUMN last_dead_at INTEGER; -- when a delivery of one of the events of Qonto last ended as dead, if it was not ended by an operator

-- What alerts have told (src/domain/alert.ts). The cron compares it with how things are.
CREATE TABLE alerts (
  subject     TEXT    NOT NULL, -- id of a destination, empty: the relay itself
  name        TEXT    NOT NULL CHECK (name IN ('failing', 'disabled', 'dead', 'quarantine', 'health')),
  told        TEXT    NOT NULL,
  seen        TEXT    NOT NULL,
  paced_until INTEGER NOT NULL,
  PRIMARY KEY (subject, name)
) STRICT, WITHOUT ROWID;
