-- Sessions, of which only hashes are kept. Moments are milliseconds since 1970. A session goes with its account.
CREATE TABLE sessions (
    id      TEXT    NOT NULL PRIMARY KEY,
    subject TEXT    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    scopes  TEXT    NOT NULL,
    secret  BLOB    NOT NULL CHECK (length(secret) = 32),
    expires INTEGER NOT NULL,
    ends    INTEGER NOT NULL
) STRICT;

CREATE INDEX sessions_by_subject ON sessions (subject);
CREATE INDEX sessions_by_expires ON sessions (expires);

-- Access tokens and sessions that were taken back, until nothing of them is left that could count.
CREATE TABLE revoked (
    issuer TEXT    NOT NULL,
    token  TEXT    NOT NULL,
    until  INTEGER NOT NULL,
    PRIMARY KEY (issuer, token)
) STRICT, WITHOUT ROWID;

CREATE INDEX revoked_by_until ON revoked (until);

-- Tokens of a subject that were issued before the moment, in microseconds, do not count. It outlives the account.
CREATE TABLE epochs (
    issuer  TEXT    NOT NULL,
    subject TEXT    NOT NULL,
    moment  INTEGER NOT NULL,
    PRIMARY KEY (issuer, subject)
) STRICT, WITHOUT ROWID;

-- API keys, of which only hashes are kept. A key goes with its account.
CREATE TABLE api_keys (
    id        TEXT    NOT NULL PRIMARY KEY,
    owner     TEXT    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name      TEXT    NOT NULL,
    scopes    TEXT    NOT NULL,
    digest    BLOB    NOT NULL CHECK (length(digest) = 32),
    created   INTEGER NOT NULL,
    expires   INTEGER,
    last_used INTEGER
) STRICT;

CREATE INDEX api_keys_by_owner ON api_keys (owner, created, id);
