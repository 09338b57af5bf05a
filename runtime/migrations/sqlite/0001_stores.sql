-- Sessions. Of a refresh token there is only a hash. Times are milliseconds since 1970.
CREATE TABLE palisade_sessions (
    id      TEXT    NOT NULL PRIMARY KEY,
    subject TEXT    NOT NULL,
    scopes  TEXT    NOT NULL, -- a list, as JSON
    digest  BLOB    NOT NULL CHECK (length(digest) = 32),
    expires INTEGER NOT NULL, -- when the refresh token expires
    ends    INTEGER NOT NULL  -- when the session ends at the latest
) STRICT, WITHOUT ROWID;

CREATE INDEX palisade_sessions_by_subject ON palisade_sessions (subject);
CREATE INDEX palisade_sessions_by_expires ON palisade_sessions (expires);

-- Revoked tokens and sessions of an issuer, by their ids, until all tokens have expired: milliseconds since 1970.
CREATE TABLE palisade_revoked_tokens (
    issuer TEXT    NOT NULL,
    id     TEXT    NOT NULL,
    until  INTEGER NOT NULL,
    PRIMARY KEY (issuer, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX palisade_revoked_tokens_by_until ON palisade_revoked_tokens (until);

-- All tokens of a subject of an issuer that were issued before this moment are revoked: microseconds since 1970.
CREATE TABLE palisade_revoked_subjects (
    issuer  TEXT    NOT NULL,
    subject TEXT    NOT NULL,
    moment  INTEGER NOT NULL,
    PRIMARY KEY (issuer, subject)
) STRICT, WITHOUT ROWID;

CREATE INDEX palisade_revoked_subjects_by_moment ON palisade_revoked_subjects (moment);

-- API keys, of which there are only hashes. Times are milliseconds since 1970.
CREATE TABLE palisade_api_keys (
    id        TEXT    NOT NULL PRIMARY KEY,
    owner     TEXT    NOT NULL,
    name      TEXT    NOT NULL,
    scopes    TEXT    NOT NULL, -- a list, as JSON
    roles     TEXT    NOT NULL, -- a list, as JSON
    tenant    TEXT,
    digest    BLOB    NOT NULL CHECK (length(digest) = 32),
    created   INTEGER NOT NULL,
    expires   INTEGER,
    last_used INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX palisade_api_keys_by_owner ON palisade_api_keys (owner);
