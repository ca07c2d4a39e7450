-- Schema 1. Applied in one transaction by store_sqlite.c to a database whose user_version is 0.

CREATE TABLE device (
    id               BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 32),
    status           INTEGER NOT NULL CHECK (status BETWEEN 1 AND 5),
    profile          TEXT NOT NULL,
    serial           TEXT NOT NULL,
    labels           TEXT NOT NULL,
    ak_name          BLOB,               -- of the proven pair; NULL: none
    srk_name         BLOB,
    ek_manufacturer  TEXT NOT NULL,
    ek_model         TEXT NOT NULL,
    ek_version       TEXT NOT NULL,
    firmware_version INTEGER NOT NULL,
    reset_count      INTEGER NOT NULL,
    accept_reset     INTEGER NOT NULL,
    bundle_serial    INTEGER NOT NULL,
    confirmed_serial INTEGER NOT NULL,
    created          INTEGER NOT NULL,
    seen             INTEGER NOT NULL,
    verdict          TEXT NOT NULL,
    reason           TEXT NOT NULL,
    verdict_time     INTEGER NOT NULL,
    verdict_question BLOB NOT NULL,
    product          TEXT NOT NULL,
    firmware         TEXT NOT NULL,
    kernel           TEXT NOT NULL,
    agent            TEXT NOT NULL,
    claimed_serial   TEXT NOT NULL
) STRICT;

-- One AK is in one TPM, so it is the AK of one device.
CREATE UNIQUE INDEX device_ak ON device (ak_name) WHERE ak_name IS NOT NULL;
CREATE INDEX device_status ON device (status);
CREATE INDEX device_created ON device (created);

-- The boot of the last proven evidence of each device.
CREATE TABLE evidence (
    device   BLOB PRIMARY KEY NOT NULL REFERENCES device (id),
    question BLOB NOT NULL,
    time     INTEGER NOT NULL,
    bank     INTEGER NOT NULL,
    mask     INTEGER NOT NULL,
    pcrs     BLOB NOT NULL,              -- values in ascending order of the mask's bits
    log      BLOB NOT NULL
) STRICT;

CREATE TABLE profile (
    name       TEXT PRIMARY KEY NOT NULL,
    version    INTEGER NOT NULL,
    applied    INTEGER NOT NULL,
    applied_by TEXT NOT NULL,
    text       BLOB NOT NULL
) STRICT;

CREATE TABLE reference (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    profile    TEXT NOT NULL,
    digest     BLOB NOT NULL,
    device     BLOB NOT NULL,
    created    INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    revoked    INTEGER NOT NULL,
    bank       INTEGER NOT NULL,
    mask       INTEGER NOT NULL,
    pcrs       BLOB NOT NULL,
    log        BLOB NOT NULL,
    UNIQUE (profile, digest)
) STRICT;

CREATE TABLE token (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    hash       BLOB NOT NULL UNIQUE,
    profile    TEXT NOT NULL,
    uses       INTEGER NOT NULL,
    used       INTEGER NOT NULL CHECK (used <= uses),
    expires    INTEGER NOT NULL,
    created    INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    revoked    INTEGER NOT NULL
) STRICT;

CREATE TABLE token_use (
    token  INTEGER NOT NULL REFERENCES token (id),
    device BLOB NOT NULL,
    time   INTEGER NOT NULL,
    PRIMARY KEY (token, device)
) STRICT, WITHOUT ROWID;

CREATE TABLE secret (
    device  BLOB NOT NULL REFERENCES device (id),
    item    TEXT NOT NULL,
    value   BLOB NOT NULL,
    created INTEGER NOT NULL,
    PRIMARY KEY (device, item)
) STRICT, WITHOUT ROWID;

CREATE TABLE certificate (
    serial     BLOB PRIMARY KEY NOT NULL CHECK (length(serial) = 16),
    device     BLOB NOT NULL REFERENCES device (id),
    key_sha256 BLOB NOT NULL,
    profile    TEXT NOT NULL,
    status     INTEGER NOT NULL CHECK (status BETWEEN 1 AND 3),
    not_after  INTEGER NOT NULL,
    issued     INTEGER NOT NULL,
    revoked    INTEGER NOT NULL,
    der        BLOB NOT NULL
) STRICT;

CREATE INDEX certificate_device ON certificate (device, issued);
CREATE INDEX certificate_key ON certificate (key_sha256, issued);

-- The last bundle of each device.
CREATE TABLE bundle (
    device      BLOB PRIMARY KEY NOT NULL REFERENCES device (id),
    serial      INTEGER NOT NULL,
    confirm_key BLOB NOT NULL,
    cert_serial BLOB NOT NULL,
    issued      INTEGER NOT NULL,
    confirmed   INTEGER NOT NULL
) STRICT;

CREATE TABLE audit (
    sequence INTEGER PRIMARY KEY,
    time     INTEGER NOT NULL,
    actor    TEXT NOT NULL,
    act      TEXT NOT NULL,
    device   BLOB,
    reason   TEXT NOT NULL,
    detail   TEXT NOT NULL,
    hash     BLOB NOT NULL
) STRICT;

CREATE INDEX audit_device ON audit (device, sequence) WHERE device IS NOT NULL;
