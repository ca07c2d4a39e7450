-- Schema 5: what is known of keys that devices make themselves, and the recovery shares of their vaults.

CREATE TABLE device_key (
    device     BLOB NOT NULL REFERENCES device (id),
    name       TEXT NOT NULL,
    kind       INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 4),
    size       INTEGER NOT NULL,
    form       INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    half       BLOB NOT NULL,              -- public half or commitment; empty: none is enrolled
    recorded   INTEGER NOT NULL,
    PRIMARY KEY (device, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE share (
    device BLOB NOT NULL REFERENCES device (id),
    serial INTEGER NOT NULL,               -- of the bundle that brought it
    value  BLOB NOT NULL,                  -- empty: only an operator can open it
    locked BLOB NOT NULL,                  -- encrypted to the operator's key; empty: it is not
    PRIMARY KEY (device, serial)
) STRICT, WITHOUT ROWID;
