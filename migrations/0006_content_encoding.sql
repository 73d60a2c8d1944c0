-- How a body is encoded, as its sender says: nobody decodes it here, so it goes out with it.
ALTER TABLE events ADD COLUMN content_encoding TEXT;
ALTER TABLE quarantine ADD COLUMN content_encoding TEXT;
