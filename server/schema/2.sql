-- Schema 2: what the last bundle of a device holds, by name. Empty for bundles that were issued before.

ALTER TABLE bundle ADD COLUMN items TEXT NOT NULL DEFAULT '';
