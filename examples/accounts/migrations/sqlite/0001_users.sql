-- An email is stored in lower case (model::Email), so that UNIQUE holds whatever the case typed.
-- An account without password_hash can not log in.
CREATE TABLE users (
    id            TEXT    NOT NULL PRIMARY KEY,
    name          TEXT    NOT NULL,
    email         TEXT    NOT NULL UNIQUE,
    age           INTEGER CHECK (age BETWEEN 0 AND 150),
    role          TEXT    NOT NULL CHECK (role IN ('user', 'admin')),
    password_hash TEXT,
    created_at    TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) STRICT;

CREATE INDEX users_by_name ON users (name COLLATE NOCASE, id);
CREATE INDEX users_by_created_at ON users (created_at, id);
CREATE INDEX users_by_role ON users (role);
