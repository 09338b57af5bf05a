-- Sessions, revocations and API keys move to the tables of palisade, which exist before this runs. Nobody is logged out, and each key
-- keeps working. A list of scopes was separated by spaces, and is JSON now.
INSERT INTO palisade_sessions (id, subject, scopes, digest, expires, ends)
    SELECT id, subject, iif(scopes = '', '[]', '["' || replace(scopes, ' ', '","') || '"]'), secret, expires, ends FROM sessions;
INSERT INTO palisade_revoked_tokens (issuer, id, until) SELECT issuer, token, until FROM revoked;
INSERT INTO palisade_revoked_subjects (issuer, subject, moment) SELECT issuer, subject, moment FROM epochs;
INSERT INTO palisade_api_keys (id, owner, name, scopes, roles, digest, created, expires, last_used)
    SELECT id, owner, name, iif(scopes = '', '[]', '["' || replace(scopes, ' ', '","') || '"]'), '[]', digest, created, expires, last_used
    FROM api_keys;
DROP TABLE sessions;
DROP TABLE revoked;
DROP TABLE epochs;
DROP TABLE api_keys;

-- Names and titles are sorted without regard to case. PostgreSQL knows no NOCASE, so both databases sort by lower(..).
DROP INDEX users_by_name;
CREATE INDEX users_by_name ON users (lower(name), id);
ALTER TABLE documents ADD COLUMN sort_title TEXT NOT NULL GENERATED ALWAYS AS (lower(title)) VIRTUAL;
