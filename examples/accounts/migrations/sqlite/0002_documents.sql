-- A role more, which a CHECK can only learn with a new table. Nothing refers to users yet.
CREATE TABLE users_with_editors (
    id            TEXT    NOT NULL PRIMARY KEY,
    name          TEXT    NOT NULL,
    email         TEXT    NOT NULL UNIQUE,
    age           INTEGER CHECK (age BETWEEN 0 AND 150),
    role          TEXT    NOT NULL CHECK (role IN ('user', 'editor', 'admin')),
    password_hash TEXT,
    created_at    TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) STRICT;
INSERT INTO users_with_editors (id, name, email, age, role, password_hash, created_at)
    SELECT id, name, email, age, role, password_hash, created_at FROM users;
DROP TABLE users;
ALTER TABLE users_with_editors RENAME TO users;

CREATE INDEX users_by_name ON users (name COLLATE NOCASE, id);
CREATE INDEX users_by_created_at ON users (created_at, id);
CREATE INDEX users_by_role ON users (role);

-- A document goes with its owner.
CREATE TABLE documents (
    id         TEXT NOT NULL PRIMARY KEY,
    owner      TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    title      TEXT NOT NULL,
    body       TEXT NOT NULL,
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) STRICT;

CREATE INDEX documents_by_owner ON documents (owner, created_at, id);
CREATE INDEX documents_by_created_at ON documents (created_at, id);
