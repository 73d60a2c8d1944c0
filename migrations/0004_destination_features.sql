-- Own request headers, content filter and format of a destination.
ALTER TABLE destinations ADD COLUMN header_names TEXT NOT NULL DEFAULT '[]'; -- JSON array, in lower case
ALTER TABLE destinations ADD COLUMN headers TEXT; -- encrypted JSON object of their values, null: none
ALTER TABLE destinations ADD COLUMN filter TEXT; -- JSON, null: none (src/domain/filter.ts)
ALTER TABLE destinations ADD COLUMN format TEXT NOT NULL DEFAULT 'qonto'
  CHECK (format IN ('qonto', 'cloudevents', 'slack', 'teams', 'template'));
-- Mustache, null unless the format is template. D1 takes no comment behind the last statement.
ALTER TABLE destinations ADD COLUMN template TEXT;
