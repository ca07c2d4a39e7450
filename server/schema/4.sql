-- Schema 4: devices that are to be wiped, or were.

ALTER TABLE device ADD COLUMN wipe INTEGER NOT NULL DEFAULT 0 CHECK (wipe BETWEEN 0 AND 2);
