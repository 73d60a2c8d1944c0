-- Until then nothing is attempted at a destination that asked for less (src/domain/hold.ts). Null once it has caught up.
ALTER TABLE destinations ADD COLUMN held_until INTEGER;
-- 1: an operator named the destination of this delivery, which is sent even if the destination does not want the event.
ALTER TABLE deliveries ADD COLUMN named INTEGER NOT NULL DEFAULT 0;
