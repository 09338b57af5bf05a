-- Ids and names are compared byte by byte (COLLATE "C"), so that no upgrade of the system's collations changes the order of an index.
-- Subjects and owners have an index by hash, because an entry of a B-tree has at most 2704 bytes.

-- Sessions. Of a refresh token there is only a hash. Times are milliseconds since 1970.
CREATE TABLE palisade_sessions (
    id      TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    subject TEXT COLLATE "C" NOT NULL,
    scopes  TEXT   NOT NULL, -- a list, as JSON
    digest  BYTEA  NOT NULL CHECK (length(digest) = 32),
    expires BIGINT NOT NULL, -- when the refresh token expires
    ends    BIGINT NOT NULL  -- when the session ends at the latest
);

CREATE INDEX palisade_sessions_by_subject ON palisade_sessions USING hash (subject);
CREATE INDEX palisade_sessions_by_expires ON palisade_sessions (expires);

-- Revoked tokens and sessions of an issuer, by their ids, until all tokens have expired: milliseconds since 1970.
CREATE TABLE palisade_revoked_tokens (
    issuer TEXT COLLATE "C" NOT NULL,
    id     TEXT COLLATE "C" NOT NULL,
    until  BIGINT NOT NULL,
    PRIMARY KEY (issuer, id)
);

CREATE INDEX palisade_revoked_tokens_by_until ON palisade_revoked_tokens (until);

-- All tokens of a subject of an issuer that were issued before this moment are revoked: microseconds since 1970.
CREATE TABLE palisade_revoked_subjects (
    issuer  TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    moment  BIGINT NOT NULL,
    PRIMARY KEY (issuer, subject)
);

CREATE INDEX palisade_revoked_subjects_by_moment ON palisade_revoked_subjects (moment);

-- API keys, of which there are only hashes. Times are milliseconds since 1970.
CREATE TABLE palisade_api_keys (
    id        TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    owner     TEXT COLLATE "C" NOT NULL,
    name      TEXT   NOT NULL,
    scopes    TEXT   NOT NULL, -- a list, as JSON
    roles     TEXT   NOT NULL, -- a list, as JSON
    tenant    TEXT,
    digest    BYTEA  NOT NULL CHECK (length(digest) = 32),
    created   BIGINT NOT NULL,
    expires   BIGINT,
    last_used BIGINT
);

CREATE INDEX palisade_api_keys_by_owner ON palisade_api_keys USING hash (owner);
