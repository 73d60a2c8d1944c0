-- Counts of what no other row tells: one row for each hour, and one, the hour 0, for all time.
CREATE TABLE tallies (
  hour   INTEGER NOT NULL PRIMARY KEY, -- since 1970
  counts TEXT    NOT NULL              -- JSON object: a number for each series
) STRICT;
