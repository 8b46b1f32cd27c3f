-- The central database's three large tables in parts of one month each, for plain PostgreSQL 13 or newer.
--
--     psql -v ON_ERROR_STOP=1 -f deploy/central/by_month.sql "postgresql://..."
--
-- Once, right after `station db upgrade --central`, before the first station sends: rows that are there already stop it. Keys
-- are UUIDs of version 7, which begin with the milliseconds since 1970, so a month is a range of keys: no column is added,
-- and the stations notice nothing. Parts are made for ten years; a row of any other time goes into a part of its own.
-- An old month goes away with DROP TABLE measurements_2026_11, images_2026_11, then attempts_2026_11 (its runs stay).
BEGIN;

DO $$ BEGIN
    IF EXISTS (SELECT 1 FROM attempts) THEN RAISE EXCEPTION 'there are rows already'; END IF;
END $$;

DROP TABLE images, measurements;
ALTER TABLE attempts RENAME TO attempts_before;

CREATE TABLE attempts (LIKE attempts_before INCLUDING DEFAULTS, PRIMARY KEY (attempt_id),
    FOREIGN KEY (run_id) REFERENCES runs (run_id)) PARTITION BY RANGE (attempt_id);
-- A unique key of a table in parts has to have the column that divides it, so this one only finds.
CREATE INDEX ix_attempts_run_id_number ON attempts (run_id, number);
DROP TABLE attempts_before;

CREATE TABLE images (
    attempt_id uuid NOT NULL REFERENCES attempts (attempt_id),
    position integer NOT NULL,
    partition varchar NOT NULL,
    alt integer NOT NULL,
    size_bytes integer NOT NULL,
    sha256 varchar NOT NULL,
    readback_sha256 varchar,
    blocks_total integer NOT NULL,
    blocks_written integer NOT NULL,
    write_s double precision NOT NULL,
    verify_s double precision NOT NULL,
    PRIMARY KEY (attempt_id, position)
) PARTITION BY RANGE (attempt_id);

CREATE TABLE measurements (
    attempt_id uuid NOT NULL REFERENCES attempts (attempt_id),
    position integer NOT NULL,
    name varchar NOT NULL,
    value json,
    number double precision,
    unit varchar,
    low double precision,
    high double precision,
    passed boolean,
    PRIMARY KEY (attempt_id, position)
) PARTITION BY RANGE (attempt_id);

CREATE FUNCTION pg_temp.first_key(month timestamp) RETURNS uuid LANGUAGE sql AS $$
    SELECT (lpad(to_hex((extract(epoch FROM month) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$$;

DO $$
DECLARE
    parent text;
    month timestamp;
BEGIN
    FOREACH parent IN ARRAY ARRAY['attempts', 'images', 'measurements'] LOOP
        FOR month IN SELECT generate_series(date_trunc('month', now() AT TIME ZONE 'UTC'),
                date_trunc('month', now() AT TIME ZONE 'UTC') + interval '10 years', interval '1 month') LOOP
            EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
                parent || to_char(month, '_YYYY_MM'), parent,
                pg_temp.first_key(month), pg_temp.first_key(month + interval '1 month'));
        END LOOP;
        EXECUTE format('CREATE TABLE %I PARTITION OF %I DEFAULT', parent || '_other', parent);
    END LOOP;
END $$;

COMMIT;
