-- Names and emails are unique without regard to the case of ASCII letters.
CREATE TABLE users (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    username          TEXT    NOT NULL UNIQUE COLLATE NOCASE,
    email             TEXT    NOT NULL UNIQUE COLLATE NOCASE,
    password_hash     TEXT    NOT NULL,
    bio               TEXT,
    image             TEXT,
    -- Microseconds since 1970. Tokens that were issued earlier are revoked.
    tokens_valid_from INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE follows (
    follower INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    followed INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    PRIMARY KEY (follower, followed)
) STRICT, WITHOUT ROWID;

CREATE TABLE articles (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    slug        TEXT    NOT NULL UNIQUE,
    author      INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    title       TEXT    NOT NULL,
    description TEXT    NOT NULL,
    body        TEXT    NOT NULL,
    created_at  TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    updated_at  TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) STRICT;

CREATE INDEX articles_by_author ON articles (author, id);

CREATE TABLE article_tags (
    article INTEGER NOT NULL REFERENCES articles (id) ON DELETE CASCADE,
    tag     TEXT    NOT NULL,
    PRIMARY KEY (article, tag)
) STRICT, WITHOUT ROWID;

CREATE INDEX article_tags_by_tag ON article_tags (tag, article);

CREATE TABLE favorites (
    article INTEGER NOT NULL REFERENCES articles (id) ON DELETE CASCADE,
    user    INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    PRIMARY KEY (article, user)
) STRICT, WITHOUT ROWID;

CREATE INDEX favorites_by_user ON favorites (user, article);

CREATE TABLE comments (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    article    INTEGER NOT NULL REFERENCES articles (id) ON DELETE CASCADE,
    author     INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    body       TEXT    NOT NULL,
    created_at TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    updated_at TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) STRICT;

CREATE INDEX comments_by_article ON comments (article, id);
