-- The networks from which a key may be used: a list, as JSON. NULL: from everywhere.
ALTER TABLE palisade_api_keys ADD COLUMN networks TEXT;
