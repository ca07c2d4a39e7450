-- Schema 3: releases, which are references with a name whose boot may open vaults offline, and the epochs of their approvals.

ALTER TABLE reference ADD COLUMN name TEXT NOT NULL DEFAULT '';
ALTER TABLE reference ADD COLUMN is_release INTEGER NOT NULL DEFAULT 0;
CREATE UNIQUE INDEX reference_name ON reference (profile, name) WHERE name <> '';

-- No two profiles ever have the same value, so that what was approved for one is of no use in the other.
CREATE TABLE epoch (
    profile TEXT PRIMARY KEY NOT NULL,
    value   INTEGER NOT NULL UNIQUE
) STRICT;
