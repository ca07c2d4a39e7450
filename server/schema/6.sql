-- Schema 6: policies, which profiles name them, and what else a boot shows that they judge.

CREATE TABLE policy (
    name       TEXT PRIMARY KEY NOT NULL,
    version    INTEGER NOT NULL,           -- rises with every apply
    applied    INTEGER NOT NULL,
    applied_by TEXT NOT NULL,
    text       BLOB NOT NULL               -- the file as it was applied
) STRICT;

-- The policy that the profile's text names; empty: its references decide.
ALTER TABLE profile ADD COLUMN policy TEXT NOT NULL DEFAULT '';

ALTER TABLE evidence ADD COLUMN userspace_log BLOB NOT NULL DEFAULT x'';
ALTER TABLE evidence ADD COLUMN command_line BLOB NOT NULL DEFAULT x'';
ALTER TABLE reference ADD COLUMN userspace_log BLOB NOT NULL DEFAULT x'';
ALTER TABLE reference ADD COLUMN command_line BLOB NOT NULL DEFAULT x'';
