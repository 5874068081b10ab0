-- What was given up and waits for an operator, and what every process must know of an agency.

-- A row for each part in one of the operator's states, and for each look of the matching lane that was given up.
-- It goes with the state: whatever moves the part on takes the row away.
CREATE TABLE dead_letter (
    -- the task's id, which for a part is the part's
    id              uuid PRIMARY KEY,
    declaration_id  uuid NOT NULL,
    part_id         uuid,
    trader          uuid NOT NULL,
    agency          text NOT NULL,
    action          text NOT NULL,
    state           text NOT NULL,
    -- a stable word for why; the text of the last error says more
    reason          text NOT NULL,
    attempts        integer NOT NULL,
    last_error      text,
    since           timestamptz NOT NULL
);
CREATE INDEX dead_letter_of_agency ON dead_letter (agency, since);
CREATE INDEX dead_letter_of_declaration ON dead_letter (declaration_id);

INSERT INTO dead_letter (id, declaration_id, part_id, trader, agency, action, state, reason, attempts, last_error, since)
SELECT p.id, p.declaration_id, p.id, d.trader, p.agency, p.action, p.state,
    CASE p.state WHEN 'dead_letter' THEN 'attempts' ELSE 'outcome-unknown' END,
    (SELECT coalesce(max(attempt), 0) FROM exchange_task t WHERE t.task_id = p.id), p.errors->0->>'message', p.since
FROM part p JOIN declaration d ON d.id = p.declaration_id
WHERE p.state IN ('dead_letter', 'needs_reconciliation');

-- Attempts made before an operator had it tried again: the numbers go on, so that no decision of an old attempt can be
-- taken for a new one's, and the policy counts from here.
ALTER TABLE task ADD COLUMN carried integer NOT NULL DEFAULT 0;
ALTER TABLE part ADD COLUMN carried integer NOT NULL DEFAULT 0;

-- Written on change alone; `revision` tells a reader that it has not seen this yet.
CREATE TABLE agency_state (
    agency         text PRIMARY KEY,
    revision       bigint NOT NULL DEFAULT 1,
    -- the breaker: closed, or open since then with one probe allowed at `probe_at`
    opened_at      timestamptz,
    probe_at       timestamptz,
    wait_seconds   double precision,
    reason         text,
    -- the agency refuses us as such: credentials or address
    stopped        boolean NOT NULL DEFAULT false,
    -- an operator's hold
    paused_at      timestamptz,
    paused_by      uuid,
    paused_reason  text
);
