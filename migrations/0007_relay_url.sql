-- Origin at which the relay was asked to create or change the destination, null: not known. Messages in it link to the console
-- there.
ALTER TABLE destinations ADD COLUMN relay_url TEXT;
