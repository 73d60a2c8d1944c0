-- Origin at which the relay was asked to create or change the destination: messages in it link to the console there.
ALTER TABLE destinations ADD COLUMN relay_url TEXT; -- null: not known
