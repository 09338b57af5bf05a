-- The same as the tables of SQLite after all of its migrations. Identifiers are compared byte by byte.
-- An email is stored in lower case (model::Email), so that UNIQUE holds whatever case was typed.
-- Nobody can log in to an account without password_hash.
CREATE TABLE users (
    id            TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name          TEXT   NOT NULL,
    email         TEXT COLLATE "C" NOT NULL UNIQUE,
    age           BIGINT CHECK (age BETWEEN 0 AND 150),
    role          TEXT   NOT NULL CHECK (role IN ('user', 'editor', 'admin')),
    password_hash TEXT,
    created_at    TEXT COLLATE "C" NOT NULL
);

CREATE INDEX users_by_name ON users (lower(name), id);
CREATE INDEX users_by_created_at ON users (created_at, id);
CREATE INDEX users_by_role ON users (role);

-- A document is deleted with its owner.
CREATE TABLE documents (
    id         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    owner      TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    title      TEXT NOT NULL,
    body       TEXT NOT NULL,
    created_at TEXT COLLATE "C" NOT NULL,
    updated_at TEXT COLLATE "C" NOT NULL,
    sort_title TEXT NOT NULL GENERATED ALWAYS AS (lower(title)) STORED
);

CREATE INDEX documents_by_owner ON documents (owner, created_at, id);
CREATE INDEX documents_by_created_at ON documents (created_at, id);
