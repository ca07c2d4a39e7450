-- Schema 6: policies, and what else a boot shows that they judge.

CREATE TABLE policy (
    name       TEXT PRIMARY KEY NOT NULL,
    version    INTEGER NOT NULL,           -- rises with every apply
    applied    INTEGER NOT NULL,
    applied_by TEXT NOT NULL,
    text       BLOB NOT NULL               -- the file as it was applied
) STRICT;

ALTER TABLE evidence ADD COLUMN userspace_log BLOB NOT NULL DEFAULT x'';
ALTER TABLE evidence ADD COLUMN command_line BLOB NOT NULL DEFAULT x'';
ALTER TABLE reference ADD COLUMN userspace_log BLOB NOT NULL DEFAULT x'';
ALTER TABLE reference ADD COLUMN command_line BLOB NOT NULL DEFAULT x'';
