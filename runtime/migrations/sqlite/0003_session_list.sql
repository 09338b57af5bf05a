-- What a list of sessions shows, and the sessions of cookies. Times are milliseconds since 1970.
ALTER TABLE palisade_sessions ADD COLUMN kind INTEGER NOT NULL DEFAULT 0; -- 0: a refresh token, 1: a cookie
ALTER TABLE palisade_sessions ADD COLUMN claims TEXT NOT NULL DEFAULT ''; -- what a cookie grants: a JSON object
ALTER TABLE palisade_sessions ADD COLUMN created INTEGER NOT NULL DEFAULT 0;
ALTER TABLE palisade_sessions ADD COLUMN last_used INTEGER NOT NULL DEFAULT 0;
ALTER TABLE palisade_sessions ADD COLUMN device TEXT NOT NULL DEFAULT ''; -- a label for people
ALTER TABLE palisade_sessions ADD COLUMN place TEXT NOT NULL DEFAULT ''; -- an address, or what the application made of it
