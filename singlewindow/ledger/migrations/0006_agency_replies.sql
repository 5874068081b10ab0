-- What agencies sent that could not be read or taken, how their calls fared of late, an operator's drain, and a changed
-- description that was refused.

CREATE TABLE quarantine (
    id           uuid PRIMARY KEY,
    agency       text NOT NULL,
    -- answer (to a call), status (to a question), pull or push
    source       text NOT NULL,
    reason       text NOT NULL,
    -- the beginning of what came; `size` is the length of what was received
    content      bytea NOT NULL,
    size         bigint NOT NULL,
    -- the same bytes sent again are counted and not kept twice
    fingerprint  bytea NOT NULL,
    times        integer NOT NULL DEFAULT 1,
    http_status  integer,
    -- of the newest time: the call it answered, and the tasks it was about
    exchange_id  uuid,
    task_ids     uuid[] NOT NULL,
    first_at     timestamptz NOT NULL DEFAULT now(),
    last_at      timestamptz NOT NULL DEFAULT now(),
    UNIQUE (agency, source, fingerprint)
);
CREATE INDEX quarantine_of_agency ON quarantine (agency, last_at);

-- One row a process, agency and minute, written every few seconds by the process; a crash may lose it.
CREATE UNLOGGED TABLE agency_pulse (
    agency        text NOT NULL,
    process       uuid NOT NULL,
    minute        timestamptz NOT NULL,
    calls         integer NOT NULL,
    failed        integer NOT NULL,
    -- how many calls took so long, by classes of duration
    durations     integer[] NOT NULL,
    last_at       timestamptz NOT NULL,
    last_outcome  text NOT NULL,
    last_ms       integer NOT NULL,
    PRIMARY KEY (agency, process, minute)
);

-- A hold that lets what was attempted come to its end.
ALTER TABLE agency_state ADD COLUMN draining boolean NOT NULL DEFAULT false;
-- Why a changed agency.toml was not taken; the one before it stays in force.
ALTER TABLE agency_state ADD COLUMN refused text;
ALTER TABLE agency_state ADD COLUMN refused_at timestamptz;
