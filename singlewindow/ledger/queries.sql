-- Every statement of the ledger: a name, and a sentence that says what it is for.

-- ── intake ──────────────────────────────────────────────────────────────────

-- name: take_idempotency_keys
-- Claims the keys of a batch in sorted order; a key somebody holds is missing from the answer.
INSERT INTO idempotency (trader, key_hash, message_id, body_sha256)
SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::uuid[], $4::bytea[]) AS k(trader, key_hash, message_id, body_sha256)
ORDER BY trader, key_hash
ON CONFLICT DO NOTHING
RETURNING trader, key_hash

-- name: find_idempotency_keys
-- The messages that hold these keys, with their receipts.
SELECT i.trader, i.key_hash, i.message_id, i.body_sha256, m.receipt
FROM unnest($1::uuid[], $2::bytea[]) AS k(trader, key_hash)
JOIN idempotency i USING (trader, key_hash)
JOIN message m ON m.id = i.message_id

-- name: drop_idempotency_keys
-- Gives back the keys of messages that were refused: a 4xx consumes none.
DELETE FROM idempotency WHERE message_id = ANY($1::uuid[])

-- name: take_filing_keys
-- Claims business keys in sorted order; a key taken before is missing from the answer.
INSERT INTO filing (key_hash, declaration_id, message_id, trader, body_sha256, content_sha256, state)
SELECT * FROM unnest($1::bytea[], $2::uuid[], $3::uuid[], $4::uuid[], $5::bytea[], $6::bytea[], $7::text[])
    AS f(key_hash, declaration_id, message_id, trader, body_sha256, content_sha256, state)
ORDER BY key_hash
ON CONFLICT DO NOTHING
RETURNING key_hash

-- name: lock_filing_keys
-- Who holds these keys; locked in sorted order so that two batches cannot cross.
SELECT key_hash, declaration_id, message_id, trader, body_sha256, content_sha256, state
FROM filing WHERE key_hash = ANY($1::bytea[]) ORDER BY key_hash FOR UPDATE

-- name: pass_filing_keys
-- Hands freed keys to the next attempt, or back to the one before it.
UPDATE filing SET declaration_id = f.declaration_id, message_id = f.message_id, trader = f.trader,
    body_sha256 = f.body_sha256, content_sha256 = f.content_sha256, state = f.state
FROM unnest($1::bytea[], $2::uuid[], $3::uuid[], $4::uuid[], $5::bytea[], $6::bytea[], $7::text[])
    AS f(key_hash, declaration_id, message_id, trader, body_sha256, content_sha256, state)
WHERE filing.key_hash = f.key_hash

-- name: find_filings
-- Which of these business keys are known, and by which declaration.
SELECT key_hash, declaration_id, trader FROM filing WHERE key_hash = ANY($1::bytea[])

-- name: find_aimed_at
-- The anchors of these join keys that these traders filed; their facts where the last list has the key.
SELECT j.hash, d.id, d.trader, d.state, CASE WHEN j.hash = ANY($3::bytea[]) THEN d.facts END AS facts
FROM join_key j JOIN declaration d ON d.id = j.declaration_id
WHERE j.hash = ANY($1::bytea[]) AND j.anchor AND d.trader = ANY($2::uuid[])

-- name: find_message_numbers
-- The living declarations whose message had one of these numbers.
SELECT s.trader, s.value_hash, d.id
FROM unnest($1::uuid[], $2::bytea[]) AS n(trader, value_hash)
    JOIN search_key s ON s.trader = n.trader AND s.value_hash = n.value_hash
    JOIN declaration d ON d.id = s.declaration_id
WHERE d.state NOT IN ('saved', 'rejected', 'cancelled')

-- name: find_receipts
-- The stored receipts of these messages.
SELECT id, receipt FROM message WHERE id = ANY($1::uuid[])

-- name: end_session_of
-- End the session that still holds this transaction, and wait for its end; no row where none does.
SELECT pg_terminate_backend(pid, 2000) AS ended FROM pg_stat_activity WHERE backend_xid = $1::text::xid8::xid

-- name: fate_of
-- What became of a transaction: committed, aborted, in progress, or null when it is too long ago.
SELECT pg_xact_status($1::text::xid8) AS fate

-- name: store_messages
-- Everything of a batch but the feed: messages, bodies, declarations, their keys, matching tasks and events.
WITH messages AS (
    INSERT INTO message (id, trader, message_set, root, sha256, size, received_at, receipt)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::bytea[], $6::int[], $7::timestamptz[],
        $8::bytea[])
), bodies AS (
    INSERT INTO body (id, content) SELECT * FROM unnest($1::uuid[], $9::bytea[])
), declarations AS (
    INSERT INTO declaration (id, message_id, ordinal, trader, message_set, kind, action, keys, state, received_at,
        changed_at, facts, warnings, target_id, supersedes)
    SELECT id, message_id, ordinal, trader, message_set, kind, action, keys::jsonb, state, received_at, received_at,
        facts::jsonb, warnings::jsonb, target_id, supersedes
    FROM unnest($10::uuid[], $11::uuid[], $12::int[], $13::uuid[], $14::text[], $15::text[], $16::text[],
        $17::text[], $18::text[], $19::timestamptz[], $20::text[], $21::text[], $22::uuid[], $23::uuid[])
        AS d(id, message_id, ordinal, trader, message_set, kind, action, keys, state, received_at, facts, warnings,
        target_id, supersedes)
), searches AS (
    INSERT INTO search_key (trader, value_hash, declaration_id)
    SELECT * FROM unnest($24::uuid[], $25::bytea[], $26::uuid[]) ON CONFLICT DO NOTHING
), joins AS (
    INSERT INTO join_key (hash, declaration_id, name, anchor)
    SELECT * FROM unnest($27::bytea[], $28::uuid[], $29::text[], $30::bool[]) ON CONFLICT DO NOTHING
), tasks AS (
    INSERT INTO task (id, lane, declaration_id, due_at)
    SELECT id, 'match', declaration_id, now() + make_interval(secs => $33)
    FROM unnest($31::uuid[], $32::uuid[]) AS t(id, declaration_id)
)
INSERT INTO event (id, declaration_id, trader, type, at, data, salt)
SELECT id, declaration_id, trader, type, at, data::jsonb, salt
FROM unnest($34::uuid[], $35::uuid[], $36::uuid[], $37::text[], $38::timestamptz[], $39::text[], $40::bytea[])
    AS e(id, declaration_id, trader, type, at, data, salt)

-- name: number_events
-- Gives events their gap-free numbers and leaves; the traders' counters are locked last, in sorted order.
-- The transaction's own number, by which its fate can be asked should the answer to COMMIT never come.
WITH given AS (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bytea[], $4::uuid[]) WITH ORDINALITY
        AS e(trader, event_id, leaf, message_id, place)
), totals AS (
    SELECT trader, count(*) AS added FROM given GROUP BY trader
), counters AS (
    INSERT INTO feed_counter AS c (trader, last_seq) SELECT trader, added FROM totals ORDER BY trader
    ON CONFLICT (trader) DO UPDATE SET last_seq = c.last_seq + excluded.last_seq
    RETURNING trader, last_seq
), numbered AS (
    INSERT INTO feed (trader, seq, event_id, leaf, message_id)
    SELECT g.trader, c.last_seq - t.added + row_number() OVER (PARTITION BY g.trader ORDER BY g.place), g.event_id,
        g.leaf, g.message_id
    FROM given g JOIN totals t USING (trader) JOIN counters c USING (trader)
)
SELECT pg_current_xact_id()::text

-- ── tasks ───────────────────────────────────────────────────────────────────

-- name: claim_tasks
-- The only right to work: counts the attempt and hides the task for `visibility` seconds.
WITH ready AS (
    SELECT id, failed FROM task WHERE id = ANY($1::uuid[]) AND lane = $2 AND (attempt = 0 OR due_at <= now())
    ORDER BY id FOR UPDATE SKIP LOCKED
)
UPDATE task SET attempt = attempt + 1, due_at = now() + make_interval(secs => $3), failed = false
FROM ready WHERE task.id = ready.id
RETURNING task.id, task.declaration_id, task.part_id, task.attempt, task.carried, task.born_at, ready.failed

-- name: claim_due_tasks
-- The same for what is due in a lane, whatever the streams say; $4: only what was attempted before.
WITH ready AS (
    SELECT id, failed FROM task WHERE lane = $1 AND due_at <= now() AND (attempt > 0 OR NOT $4::bool)
    ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED
)
UPDATE task SET attempt = attempt + 1, due_at = now() + make_interval(secs => $3), failed = false
FROM ready WHERE task.id = ready.id
RETURNING task.id, task.declaration_id, task.part_id, task.attempt, task.carried, task.born_at, ready.failed

-- name: describe_tasks
-- What an agency needs to know of these tasks, in the order of filing.
SELECT p.id, p.declaration_id, p.agency, p.action, p.leg, p.state, d.ordinal, d.refs, d.trader, d.message_id,
    m.message_set, m.root, coalesce(x.sha256, m.sha256) AS sha256
FROM part p JOIN declaration d ON d.id = p.declaration_id JOIN message m ON m.id = d.message_id
    LEFT JOIN derived x ON x.message_id = m.id
WHERE p.id = ANY($1::uuid[]) ORDER BY d.message_id, d.ordinal

-- name: read_document
-- The message a declaration came in, as received, and the XML that JSON was judged as.
SELECT m.message_set, b.content, x.content AS derived
FROM declaration d JOIN message m ON m.id = d.message_id JOIN body b ON b.id = m.id
    LEFT JOIN derived x ON x.message_id = m.id
WHERE d.trader = $1 AND d.id = $2

-- name: read_originals
-- What is forwarded of these messages: the bytes received, or the XML derived from JSON.
SELECT b.id, coalesce(x.content, b.content) AS content
FROM body b LEFT JOIN derived x ON x.message_id = b.id WHERE b.id = ANY($1::uuid[])

-- name: store_derived
-- The XML that messages in JSON were judged as.
INSERT INTO derived (message_id, content, sha256) SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::bytea[])

-- name: begin_exchange
-- Records an envelope before it is sent, and the tasks it carries.
WITH sent AS (
    INSERT INTO exchange (id, agency, action, sender, sent_at, request) VALUES ($1, $2, $3, $4, now(), $5)
)
INSERT INTO exchange_task (task_id, exchange_id, attempt)
SELECT t.task_id, $1, t.attempt FROM unnest($6::uuid[], $7::int[]) AS t(task_id, attempt)

-- name: end_calls
-- Records what came back of calls; the tasks that are settled leave the queue.
WITH exchanges AS (
    UPDATE exchange SET answered_at = now(), http_status = e.http_status, reply = e.reply, error = e.error
    FROM unnest($2::uuid[], $3::int[], $4::bytea[], $5::text[]) AS e(id, http_status, reply, error)
    WHERE exchange.id = e.id
)
DELETE FROM task WHERE id = ANY($1::uuid[])

-- name: postpone_tasks
-- Our own decision to try again, bound to the attempt that made it.
UPDATE task SET due_at = now() + make_interval(secs => r.delay), failed = true, last_error = r.error
FROM unnest($1::uuid[], $2::int[], $3::float8[], $4::text[]) AS r(id, attempt, delay, error)
WHERE task.id = r.id AND task.attempt = r.attempt

-- name: end_tasks
-- Settled tasks leave the queue.
DELETE FROM task WHERE id = ANY($1::uuid[])

-- name: end_own_tasks
-- Tasks given up by the attempt that still owns them; the others are missing from the answer.
DELETE FROM task USING unnest($1::uuid[], $2::int[]) AS r(id, attempt)
WHERE task.id = r.id AND task.attempt = r.attempt RETURNING task.id

-- name: add_tasks
-- New work for the lanes; a task that is already there stays as it is. `attempt` carries earlier attempts over, `failed`
-- says that the last of them is known to have come to nothing.
INSERT INTO task (id, lane, declaration_id, part_id, due_at, attempt, failed, carried)
SELECT id, lane, declaration_id, part_id, now() + make_interval(secs => delay), attempt, failed, carried
FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::uuid[], $5::float8[], $6::int[], $7::bool[], $8::int[])
    AS t(id, lane, declaration_id, part_id, delay, attempt, failed, carried)
ON CONFLICT (id) DO NOTHING

-- name: last_attempts
-- The number of the newest attempt that was sent of each of these parts, and how many of them no longer count.
SELECT p.id, p.carried, coalesce(t.attempt, p.carried + 1) AS attempt FROM part p LEFT JOIN LATERAL (
    SELECT attempt FROM exchange_task WHERE task_id = p.id ORDER BY exchange_id DESC LIMIT 1
) t ON true
WHERE p.id = ANY($1::uuid[])

-- name: queue_depths
-- How much waits in each lane and since when.
SELECT lane, count(*) AS depth, min(born_at) AS oldest, count(*) FILTER (WHERE attempt > 0) AS begun FROM task GROUP BY lane

-- ── dead letters ────────────────────────────────────────────────────────────

-- name: add_dead_letters
-- What was given up, for an operator to see.
INSERT INTO dead_letter (id, declaration_id, part_id, trader, agency, action, state, reason, attempts, last_error, since)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[],
    $9::int[], $10::text[], $11::timestamptz[])
ON CONFLICT (id) DO UPDATE SET state = excluded.state, reason = excluded.reason, attempts = excluded.attempts,
    last_error = excluded.last_error, since = excluded.since

-- name: list_dead_letters
-- A page of what waits for an operator, of all traders, in the order of the ids.
SELECT l.*, d.ordinal, d.kind, d.keys, d.message_id, d.message_set, t.exchange_id
FROM dead_letter l JOIN declaration d ON d.id = l.declaration_id LEFT JOIN part p ON p.id = l.part_id LEFT JOIN LATERAL (
    SELECT exchange_id FROM exchange_task WHERE task_id = l.id ORDER BY exchange_id DESC LIMIT 1
) t ON true
WHERE (l.part_id IS NULL OR p.state = l.state)
  AND ($1::uuid[] IS NULL OR l.id = ANY($1)) AND ($2::text IS NULL OR l.agency = $2)
  AND ($3::text IS NULL OR l.reason = $3) AND ($4::text IS NULL OR l.state = $4)
  AND ($5::timestamptz IS NULL OR l.since >= $5) AND ($6::timestamptz IS NULL OR l.since < $6)
  AND ($7::uuid IS NULL OR l.id > $7)
ORDER BY l.id LIMIT $8

-- name: carry_attempts
-- What was attempted of these parts before they are tried again counts no more.
UPDATE part SET carried = c.attempts FROM unnest($1::uuid[], $2::int[]) AS c(id, attempts) WHERE part.id = c.id

-- name: drop_dead_letters
-- Looks of the matching lane that are tried again or were discarded; parts leave with their state.
DELETE FROM dead_letter WHERE id = ANY($1::uuid[])

-- name: end_looks
-- Looks of the matching lane that came to an end; what was given up of the same declarations is settled with them.
WITH settled AS (DELETE FROM dead_letter WHERE declaration_id = ANY($2::uuid[]) AND part_id IS NULL)
DELETE FROM task WHERE id = ANY($1::uuid[])

-- name: dead_letter_document
-- The message, as received, that a given-up task is about, and the XML that JSON was judged as.
SELECT m.message_set, b.content, x.content AS derived
FROM dead_letter l JOIN declaration d ON d.id = l.declaration_id JOIN body b ON b.id = d.message_id
    JOIN message m ON m.id = d.message_id LEFT JOIN derived x ON x.message_id = m.id
WHERE l.id = $1

-- name: dead_letter_exchange
-- The newest call that carried a given-up task.
SELECT e.id, e.agency, e.action, e.sent_at, e.answered_at, e.http_status, e.request, e.reply, e.error
FROM dead_letter l JOIN exchange_task t ON t.task_id = l.id JOIN exchange e ON e.id = t.exchange_id
WHERE l.id = $1 ORDER BY e.id DESC LIMIT 1

-- name: count_dead_letters
-- How much waits for an operator.
SELECT agency, state, count(*) AS count FROM dead_letter GROUP BY agency, state

-- name: find_task_state
-- Where a task stands whose id somebody names as a dead letter's.
SELECT state FROM part WHERE id = $1
UNION ALL SELECT 'pending' FROM task WHERE id = $1 AND part_id IS NULL

-- ── agencies ────────────────────────────────────────────────────────────────

-- name: read_agency_states
-- What every process must know of the agencies; the wait is told in seconds, as clocks differ.
SELECT agency, revision, opened_at, probe_at, greatest(extract(epoch FROM probe_at - now()), 0)::float8 AS probe_in_seconds,
    wait_seconds, reason, stopped, paused_at, paused_by, paused_reason, draining, refused, refused_at
FROM agency_state

-- name: write_breaker
-- An agency's breaker opened, waits longer, or closed (no wait): $2 is the wait, after which one probe may go.
INSERT INTO agency_state AS s (agency, opened_at, probe_at, wait_seconds, reason, stopped)
VALUES ($1, CASE WHEN $2::float8 IS NULL THEN NULL ELSE now() END, now() + make_interval(secs => $2), $2, $3, $4)
ON CONFLICT (agency) DO UPDATE SET revision = s.revision + 1, probe_at = excluded.probe_at,
    opened_at = CASE WHEN $2::float8 IS NULL THEN NULL ELSE coalesce(s.opened_at, excluded.opened_at) END,
    wait_seconds = excluded.wait_seconds, reason = excluded.reason, stopped = excluded.stopped
RETURNING revision

-- name: pause_agency
-- An operator's hold, or ($4) a drain; the first one's time, name and reason stand until it is lifted.
INSERT INTO agency_state AS s (agency, paused_at, paused_by, paused_reason, draining) VALUES ($1, now(), $2, $3, $4)
ON CONFLICT (agency) DO UPDATE SET revision = s.revision + 1, paused_at = coalesce(s.paused_at, excluded.paused_at),
    draining = excluded.draining,
    paused_by = coalesce(s.paused_by, excluded.paused_by), paused_reason = coalesce(s.paused_reason, excluded.paused_reason)

-- name: resume_agency
-- Lifts an operator's hold and lets an open breaker probe at once.
UPDATE agency_state SET revision = revision + 1, paused_at = NULL, paused_by = NULL, paused_reason = NULL, draining = false,
    probe_at = CASE WHEN probe_at IS NULL THEN NULL ELSE now() END
WHERE agency = $1

-- name: recent_calls
-- Each agency's calls of the last minute, and how many of them failed; an exchange's id begins with its time.
SELECT agency, count(*) AS calls, count(*) FILTER (WHERE error IS NOT NULL) AS failed
FROM exchange WHERE answered_at IS NOT NULL AND id >= (lpad(to_hex(
    (extract(epoch FROM now() - interval '1 minute') * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
GROUP BY agency

-- name: note_description
-- Why a changed agency.toml was refused, or (NULL) that the one in the folder is in force.
INSERT INTO agency_state AS s (agency, refused, refused_at)
VALUES ($1, $2, CASE WHEN $2::text IS NULL THEN NULL ELSE now() END)
ON CONFLICT (agency) DO UPDATE SET refused = excluded.refused, refused_at = excluded.refused_at
WHERE s.refused IS DISTINCT FROM excluded.refused

-- name: write_pulses
-- What one process ($1) counted of each agency's calls in this minute; what is older than an hour goes.
WITH gone AS (DELETE FROM agency_pulse WHERE minute < now() - interval '1 hour')
INSERT INTO agency_pulse (agency, process, minute, calls, failed, durations, last_at, last_outcome, last_ms)
SELECT agency, $1, minute, calls, failed, string_to_array(durations, ' ')::int[], last_at, last_outcome, last_ms
FROM unnest($2::text[], $3::timestamptz[], $4::int[], $5::int[], $6::text[], $7::timestamptz[], $8::text[], $9::int[])
    AS t(agency, minute, calls, failed, durations, last_at, last_outcome, last_ms)
ON CONFLICT (agency, process, minute) DO UPDATE SET calls = excluded.calls, failed = excluded.failed,
    durations = excluded.durations, last_at = excluded.last_at, last_outcome = excluded.last_outcome,
    last_ms = excluded.last_ms

-- name: read_pulses
-- What all processes counted in the last hour.
SELECT agency, calls, failed, CASE WHEN minute > now() - make_interval(secs => $1) THEN durations END AS durations,
    last_at, last_outcome, last_ms, minute > now() - make_interval(secs => $1) AS recent
FROM agency_pulse ORDER BY last_at

-- name: keep_quarantined
-- Bytes that could not be read or taken; the same bytes again only count. An agency's oldest make room for new ones.
WITH gone AS (
    DELETE FROM quarantine WHERE id IN (
        SELECT id FROM quarantine WHERE agency = $2 ORDER BY last_at DESC OFFSET $11
    )
)
INSERT INTO quarantine AS q (id, agency, source, reason, content, size, fingerprint, http_status, exchange_id, task_ids)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (agency, source, fingerprint) DO UPDATE SET times = q.times + 1, last_at = now(),
    reason = excluded.reason, http_status = excluded.http_status, exchange_id = excluded.exchange_id,
    task_ids = excluded.task_ids

-- name: list_quarantined
-- What is kept of an agency, the newest first, without the bytes.
SELECT id, source, reason, size, length(content) AS kept, encode(fingerprint, 'hex') AS sha256, times, http_status,
    exchange_id, task_ids, first_at, last_at
FROM quarantine WHERE agency = $1 ORDER BY last_at DESC, id DESC LIMIT $2

-- name: read_quarantined
-- The bytes.
SELECT content FROM quarantine WHERE agency = $1 AND id = $2

-- ── dossiers ────────────────────────────────────────────────────────────────

-- name: lock_declarations
-- Locks declarations, those of these parts, and all that these act on: in the order of their ids, so that two
-- transactions cannot cross.
SELECT id, trader, message_set, kind, action, state, matched, received_at, facts, refs, waiting_for, attention,
    anomaly, target_id
FROM declaration WHERE id = ANY(ARRAY(
    WITH asked AS (SELECT unnest($1::uuid[]) AS id UNION SELECT declaration_id FROM part WHERE id = ANY($2::uuid[]))
    SELECT id FROM asked
    UNION SELECT d.target_id FROM asked JOIN declaration d USING (id) WHERE d.target_id IS NOT NULL
)) ORDER BY id FOR UPDATE

-- name: read_parts
-- The parts of these declarations in the order they were planned.
SELECT * FROM part WHERE declaration_id = ANY($1::uuid[]) ORDER BY id

-- name: save_dossiers
-- Writes back what decisions changed of declarations, parts that are new or changed, and the events; a part that no
-- longer waits for an operator leaves the dead letters.
WITH declarations AS (
    UPDATE declaration SET state = d.state, matched = d.matched, changed_at = $2, facts = d.facts::jsonb,
        refs = d.refs::jsonb, waiting_for = d.waiting_for::jsonb, attention = d.attention, anomaly = d.anomaly,
        target_id = d.target_id, warnings = declaration.warnings || d.warnings::jsonb
    FROM unnest($1::uuid[], $3::text[], $4::bool[], $5::text[], $6::text[], $7::text[], $8::text[], $9::bool[],
        $10::uuid[], $11::text[])
        AS d(id, state, matched, facts, refs, waiting_for, attention, anomaly, target_id, warnings)
    WHERE declaration.id = d.id
), moved_on AS (
    DELETE FROM dead_letter USING unnest($12::uuid[], $21::text[]) AS p(id, state)
    WHERE dead_letter.id = p.id AND p.state NOT IN ('dead_letter', 'needs_reconciliation')
), parts AS (
    INSERT INTO part (id, declaration_id, agency, action, leg, required, principal, ends, crosses_border, state, since,
        authority_time, authority_code, refs, errors)
    SELECT id, declaration_id, agency, action, leg, required, principal, string_to_array(ends, ','), crosses_border,
        state, since, authority_time, authority_code, refs::jsonb, errors::jsonb
    FROM unnest($12::uuid[], $13::uuid[], $14::text[], $15::text[], $16::int[], $17::bool[], $18::bool[], $19::text[],
        $20::bool[], $21::text[], $22::timestamptz[], $23::text[], $24::text[], $25::text[], $26::text[])
        AS p(id, declaration_id, agency, action, leg, required, principal, ends, crosses_border, state, since,
        authority_time, authority_code, refs, errors)
    ON CONFLICT (id) DO UPDATE SET state = excluded.state, since = excluded.since,
        authority_time = excluded.authority_time, authority_code = excluded.authority_code, refs = excluded.refs,
        errors = excluded.errors
)
INSERT INTO event (id, declaration_id, trader, type, at, data, salt)
SELECT id, declaration_id, trader, type, at, data::jsonb, salt
FROM unnest($27::uuid[], $28::uuid[], $29::uuid[], $30::text[], $31::timestamptz[], $32::text[], $33::bytea[])
    AS e(id, declaration_id, trader, type, at, data, salt)

-- name: save_filings
-- Lets a key's row follow its declaration's state, so that a dead one frees it; locked in the order of the keys, as
-- whoever files takes them.
WITH locked AS (
    SELECT key_hash FROM filing WHERE declaration_id = ANY($1::uuid[]) ORDER BY key_hash FOR UPDATE
)
UPDATE filing SET state = d.state FROM locked, unnest($1::uuid[], $2::text[]) AS d(id, state)
WHERE filing.key_hash = locked.key_hash AND filing.declaration_id = d.id AND filing.state <> d.state

-- name: clear_warnings
-- Takes back the warnings of rules that no longer hold.
UPDATE declaration SET warnings = coalesce((
    SELECT jsonb_agg(w ORDER BY place) FROM jsonb_array_elements(warnings) WITH ORDINALITY AS e(w, place)
    WHERE w->>'rule' IS DISTINCT FROM c.rule), '[]')
FROM unnest($1::uuid[], $2::text[]) AS c(id, rule) WHERE declaration.id = c.id

-- name: add_search_keys
-- Lets a trader find a declaration by a number that came later.
INSERT INTO search_key (trader, value_hash, declaration_id)
SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::uuid[]) ON CONFLICT DO NOTHING

-- name: add_join_keys
-- Lets documents find each other by a number that came later, from an authority or with a change.
INSERT INTO join_key (hash, declaration_id, name, anchor)
SELECT * FROM unnest($1::bytea[], $2::uuid[], $3::text[], $4::bool[]) ON CONFLICT DO NOTHING

-- name: find_waiting
-- The held documents linked to these anchors.
SELECT DISTINCT l.declaration FROM case_link l JOIN declaration d ON d.id = l.declaration
WHERE l.anchor = ANY($1::uuid[]) AND d.state = 'held'

-- ── responses ───────────────────────────────────────────────────────────────

-- name: take_notices
-- Claims an agency's notice ids and keeps the documents of the new ones as they came; one seen before is missing from
-- the answer.
WITH told AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::text[],
        $8::text[], $9::text[], $10::timestamptz[], $11::bytea[])
        AS n(agency, notice_id, declaration_id, part_id, body_id, code, state, authority_time, via, received_at, content)
), taken AS (
    INSERT INTO response (agency, notice_id, declaration_id, part_id, body_id, code, state, authority_time, via,
        received_at)
    SELECT agency, notice_id, declaration_id, part_id, body_id, code, state, authority_time, via, received_at FROM told
    ON CONFLICT DO NOTHING
    RETURNING agency, notice_id
), documents AS (
    INSERT INTO body (id, content)
    SELECT body_id, content FROM told JOIN taken USING (agency, notice_id) WHERE body_id IS NOT NULL
)
SELECT agency, notice_id FROM taken

-- name: read_cursor
-- Where pulling an agency's notices stands.
SELECT cursor FROM pull_cursor WHERE agency = $1

-- name: move_cursor
-- Remembers how far an agency's notices were pulled.
INSERT INTO pull_cursor (agency, cursor) VALUES ($1, $2)
ON CONFLICT (agency) DO UPDATE SET cursor = excluded.cursor

-- name: count_awaited
-- How many declarations wait for an agency's decision.
SELECT count(*) FROM part WHERE agency = $1 AND state IN ('submitted', 'registered', 'under_control', 'suspended')

-- ── cases ───────────────────────────────────────────────────────────────────

-- name: find_links
-- The anchors and documents that meet by an equal join with one of these declarations.
SELECT DISTINCT CASE WHEN s.anchor THEN s.declaration_id ELSE o.declaration_id END AS anchor,
    CASE WHEN s.anchor THEN o.declaration_id ELSE s.declaration_id END AS declaration
FROM join_key s JOIN join_key o ON o.hash = s.hash AND o.anchor <> s.anchor
WHERE s.declaration_id = ANY($1::uuid[])

-- name: add_links
-- Joins documents to anchors; a link that stands already is missing from the answer.
INSERT INTO case_link (anchor, declaration, role)
SELECT l.anchor, l.declaration, d.kind
FROM unnest($1::uuid[], $2::uuid[]) AS l(anchor, declaration) JOIN declaration d ON d.id = l.declaration
ON CONFLICT DO NOTHING
RETURNING anchor, declaration, role,
    (SELECT d.state FROM declaration d WHERE d.id = case_link.declaration) AS state

-- name: linked_to_anchors
-- What is linked to these anchors, as matching looks at it.
SELECT l.anchor AS side, d.id, d.trader, d.kind, d.state, d.facts->'join_keys' AS join_keys
FROM case_link l JOIN declaration d ON d.id = l.declaration WHERE l.anchor = ANY($1::uuid[])

-- name: anchors_of
-- The anchors these documents are linked to.
SELECT l.declaration AS side, d.id, d.trader, d.kind, d.state, d.facts->'join_keys' AS join_keys
FROM case_link l JOIN declaration d ON d.id = l.anchor WHERE l.declaration = ANY($1::uuid[])

-- name: read_facts
-- What the difference report compares of these declarations.
SELECT id, facts FROM declaration WHERE id = ANY($1::uuid[])

-- name: find_series
-- The living parts of the split documents that these declarations are parts of.
SELECT DISTINCT o.hash, d.id, d.facts->>'msgCount' AS count, d.facts->>'msgSeqNo' AS number
FROM join_key s JOIN join_key o ON o.hash = s.hash AND o.anchor = s.anchor AND o.name = s.name
    JOIN declaration d ON d.id = o.declaration_id
WHERE s.declaration_id = ANY($1::uuid[]) AND s.name = 'series' AND d.state NOT IN ('saved', 'rejected', 'cancelled')

-- name: read_series
-- The living parts under these hashes of split documents.
SELECT o.hash, d.id, d.facts->>'msgCount' AS count, d.facts->>'msgSeqNo' AS number
FROM join_key o JOIN declaration d ON d.id = o.declaration_id
WHERE o.hash = ANY($1::bytea[]) AND o.name = 'series' AND d.state NOT IN ('saved', 'rejected', 'cancelled')

-- name: newest_versions
-- The newest appTime among the declarations of a trader that share a number, for each target: itself and what acts on it.
SELECT t.target, max(d.facts->>'app_time') AS app_time
FROM unnest($1::uuid[], $2::uuid[], $3::bytea[]) AS t(trader, target, value_hash)
    JOIN search_key s ON s.trader = t.trader AND s.value_hash = t.value_hash
    JOIN declaration d ON d.id = s.declaration_id AND (d.id = t.target OR d.target_id = t.target)
WHERE d.state <> 'saved' GROUP BY t.target

-- name: give_back_filing_keys
-- Frees the business keys of declarations that are not taken after all.
DELETE FROM filing WHERE declaration_id = ANY($1::uuid[])

-- ── reading ─────────────────────────────────────────────────────────────────

-- name: get_declaration
-- One declaration of a trader.
SELECT * FROM declaration WHERE trader = $1 AND id = $2

-- name: get_message
-- One message of a trader.
SELECT id, message_set, root, sha256, size, received_at, receipt FROM message WHERE trader = $1 AND id = $2

-- name: message_declarations
-- The declarations of a message.
SELECT * FROM declaration WHERE trader = $1 AND message_id = $2 ORDER BY ordinal

-- name: message_states
-- How the declarations of these messages stand, as far as it decides whether anybody waits for them any more.
SELECT DISTINCT message_id, message_set, kind, action, state, attention
FROM declaration WHERE message_id = ANY($1::uuid[])

-- name: declarations_of_messages
-- The declarations of several messages.
SELECT * FROM declaration WHERE message_id = ANY($1::uuid[]) ORDER BY message_id, ordinal

-- name: list_declarations
-- A page of a trader's declarations, newest first.
SELECT d.* FROM declaration d
WHERE d.trader = $1 AND ($2::uuid IS NULL OR d.id < $2)
  AND ($3::bytea IS NULL OR d.id IN (SELECT declaration_id FROM search_key WHERE trader = $1 AND value_hash = $3))
  AND ($4::text IS NULL OR d.state = $4) AND ($5::text IS NULL OR d.kind = $5)
  AND ($6::timestamptz IS NULL OR d.received_at >= $6) AND ($7::timestamptz IS NULL OR d.received_at < $7)
ORDER BY d.id DESC LIMIT $8

-- name: declaration_events
-- A declaration's history.
SELECT id, type, at, data FROM event WHERE trader = $1 AND declaration_id = $2 ORDER BY id LIMIT $3

-- name: read_feed
-- A page of a trader's feed.
SELECT f.seq, e.id, e.declaration_id, e.type, e.at, e.data
FROM feed f JOIN event e ON e.id = f.event_id WHERE f.trader = $1 AND f.seq > $2 ORDER BY f.seq LIMIT $3

-- name: recorded_exchanges
-- An agency's answered calls with documents, the newest first.
SELECT e.id, e.action, e.http_status, e.reply,
    ARRAY(SELECT t.task_id FROM exchange_task t WHERE t.exchange_id = e.id ORDER BY t.task_id) AS task_ids
FROM exchange e WHERE e.agency = $1 AND e.reply IS NOT NULL AND e.http_status IS NOT NULL
ORDER BY e.id DESC LIMIT $2

-- name: declaration_exchanges
-- The SOAP exchanges a declaration took part in; the replies of a shared call show only its own part.
SELECT DISTINCT e.id, e.agency, e.action, e.sent_at, e.answered_at, e.http_status, e.request, e.reply, e.error
FROM part p JOIN exchange_task t ON t.task_id = p.id JOIN exchange e ON e.id = t.exchange_id
WHERE p.declaration_id = $1 ORDER BY e.id

-- name: declaration_responses
-- What authorities said of a declaration, with their documents.
SELECT r.agency, r.notice_id, r.code, r.state, r.authority_time, r.via, r.received_at, b.content
FROM response r LEFT JOIN body b ON b.id = r.body_id
WHERE r.declaration_id = $1 ORDER BY r.received_at, r.notice_id

-- name: case_members
-- Everything linked to an anchor, with who filed it.
SELECT d.*, l.role, l.linked_at FROM case_link l JOIN declaration d ON d.id = l.declaration
WHERE l.anchor = $1 ORDER BY d.id

-- name: case_anchor
-- An anchor, if this trader filed it or a document linked to it.
SELECT d.* FROM declaration d WHERE d.id = $2 AND (d.trader = $1 OR EXISTS (
    SELECT 1 FROM case_link l JOIN declaration p ON p.id = l.declaration WHERE l.anchor = d.id AND p.trader = $1))

-- name: anchors_linked
-- The cases a document belongs to.
SELECT anchor FROM case_link WHERE declaration = $1 ORDER BY anchor LIMIT $2

-- ── sealing ─────────────────────────────────────────────────────────────────

-- name: try_sealing
-- True for the one sealer of this moment; the lock ends with the transaction, so that no stale sealer can write.
SELECT pg_try_advisory_xact_lock($1) AS taken

-- name: find_unsealed
-- Traders with events after their newest checkpoint. Every number up to last_seq is committed: whoever gives out
-- numbers holds the counter's row until its own commit.
SELECT c.trader, c.last_seq, coalesce(k.size, 0) AS size, coalesce(k.frontier, '{}') AS frontier
FROM feed_counter c LEFT JOIN LATERAL (
    SELECT size, frontier FROM checkpoint WHERE trader = c.trader ORDER BY size DESC LIMIT 1
) k ON true
WHERE c.last_seq > coalesce(k.size, 0) LIMIT $1

-- name: read_leaves
-- The leaves of a trader's events after one number, up to another.
SELECT leaf FROM feed WHERE trader = $1 AND seq > $2 AND seq <= $3 ORDER BY seq

-- name: add_checkpoint
-- Keeps a new head.
INSERT INTO checkpoint (trader, size, root, frontier, sealed_at, signature) VALUES ($1, $2, $3, $4, $5, $6)

-- name: receipt_leaf
-- The event whose leaf commits to the receipt of a message of this trader.
SELECT f.seq, e.* FROM feed f JOIN event e ON e.id = f.event_id WHERE f.trader = $1 AND f.message_id = $2

-- name: covering_checkpoint
-- The first head over this event.
SELECT size, signature FROM checkpoint WHERE trader = $1 AND size >= $2 ORDER BY size LIMIT 1

-- name: earlier_checkpoint
-- The last head before this event.
SELECT size, frontier FROM checkpoint WHERE trader = $1 AND size < $2 ORDER BY size DESC LIMIT 1

-- name: audit_events
-- A page of a trader's feed with all that the leaves commit to; an event that is gone has no id.
SELECT f.seq, f.event_id, f.leaf, e.* FROM feed f LEFT JOIN event e ON e.id = f.event_id
WHERE f.trader = $1 AND f.seq > $2 ORDER BY f.seq LIMIT $3

-- name: audit_heads
-- A page of a trader's heads with all that is stored of them.
SELECT size, root, frontier, signature FROM checkpoint WHERE trader = $1 AND size > $2 ORDER BY size LIMIT $3

-- name: audit_traders
-- Everybody who has, or should have, a history.
SELECT trader FROM feed_counter UNION SELECT trader FROM feed UNION SELECT trader FROM checkpoint
UNION SELECT trader FROM message ORDER BY trader

-- name: audit_counter
-- A row when a trader's feed is longer or shorter than what was numbered.
SELECT c.last_seq, f.told
FROM (SELECT coalesce(max(last_seq), 0) AS last_seq FROM feed_counter WHERE trader = $1) c,
    (SELECT coalesce(max(seq), 0) AS told FROM feed WHERE trader = $1) f
WHERE c.last_seq <> f.told

-- name: last_number
-- How many events of a trader were numbered.
SELECT last_seq FROM feed_counter WHERE trader = $1

-- name: audit_messages
-- A page of a trader's messages with the hashes of their bytes and of the receipt in the feed.
SELECT m.*, b.id AS body_id, pg_catalog.sha256(b.content) AS content_sha256, b.erased_at,
    e.data->>'receipt_sha256' AS committed, x.sha256 AS derived_sha256,
    pg_catalog.sha256(x.content) AS derived_content_sha256
FROM message m LEFT JOIN body b ON b.id = m.id LEFT JOIN derived x ON x.message_id = m.id
    LEFT JOIN feed f ON f.trader = m.trader AND f.message_id = m.id LEFT JOIN event e ON e.id = f.event_id
WHERE m.trader = $1 AND m.id > $2 ORDER BY m.id LIMIT $3

-- name: audit_declarations
-- The declarations of these messages, each with the states that its events lead to: entered once more than left.
SELECT d.id, d.message_id, d.trader, d.ordinal, d.kind, d.keys, d.state, ARRAY(
    SELECT s.state FROM event e, LATERAL (VALUES (e.data->>'state', 1), (e.data->>'previous', -1)) AS s(state, step)
    WHERE e.declaration_id = d.id AND e.type = 'state' AND s.state IS NOT NULL
    GROUP BY s.state HAVING sum(s.step) > 0) AS told
FROM declaration d WHERE d.message_id = ANY($1::uuid[])

-- name: audit_lost_messages
-- Receipts in the feed whose message is no longer there, or is another trader's.
SELECT f.seq, f.message_id FROM feed f LEFT JOIN message m ON m.id = f.message_id AND m.trader = f.trader
WHERE f.trader = $1 AND f.message_id IS NOT NULL AND m.id IS NULL ORDER BY f.seq

-- name: audit_unnumbered
-- Events that stand in no feed of their trader; of one trader, or of all.
SELECT e.id, e.trader FROM event e
WHERE ($1::uuid IS NULL OR e.trader = $1)
  AND NOT EXISTS (SELECT 1 FROM feed f WHERE f.event_id = e.id AND f.trader = e.trader) ORDER BY e.id

-- name: audit_unfiled
-- Declarations whose message is not there, or is another trader's; of one trader, or of all.
SELECT d.id, d.trader FROM declaration d LEFT JOIN message m ON m.id = d.message_id AND m.trader = d.trader
WHERE ($1::uuid IS NULL OR d.trader = $1) AND m.id IS NULL ORDER BY d.id

-- name: latest_checkpoint
-- The newest head of a trader.
SELECT size, root, sealed_at, signature FROM checkpoint WHERE trader = $1 ORDER BY size DESC LIMIT 1

-- name: checkpoint_of_size
-- The head over exactly so many events.
SELECT size, root, frontier, signature FROM checkpoint WHERE trader = $1 AND size = $2

-- name: list_checkpoints
-- A page of a trader's heads, oldest first.
SELECT size, root, sealed_at, signature FROM checkpoint WHERE trader = $1 AND size > $2 ORDER BY size LIMIT $3

-- ── traders ─────────────────────────────────────────────────────────────────

-- name: add_trader
-- Registers a trader.
INSERT INTO trader (id, name, all_codes) VALUES ($1, $2, $3)

-- name: choose_for_trader
-- The editions a trader's messages are judged by, and the rules whose warnings it wants as errors.
UPDATE trader SET message_sets = $2, raised = $3 WHERE id = $1 RETURNING id

-- name: add_company_codes
-- Registers a trader's company codes under the code they are compared by.
INSERT INTO company_code (trader, scheme, code, canonical)
SELECT $1, s, c, $4 FROM unnest($2::text[], $3::text[]) AS k(s, c) ON CONFLICT DO NOTHING

-- name: trader_canonical
-- The code under which a trader's codes are compared.
SELECT canonical FROM company_code WHERE trader = $1 LIMIT 1

-- name: add_api_key
-- Stores the keyed hash of a new API key.
INSERT INTO api_key (id, trader, hash, scopes) VALUES ($1, $2, $3, $4)

-- name: count_live_keys
-- How many keys of a trader are live.
SELECT count(*) FROM api_key WHERE trader = $1 AND revoked_at IS NULL

-- name: revoke_key
-- Ends an API key.
UPDATE api_key SET revoked_at = now() WHERE id = $1 AND revoked_at IS NULL RETURNING id

-- name: find_trader_by_name
-- A trader by name.
SELECT id, name, all_codes FROM trader WHERE name = $1 ORDER BY created_at LIMIT 1

-- name: find_key
-- Who holds a live key, and for which company codes.
SELECT t.id, t.name, t.all_codes, k.id AS key_id, k.scopes, t.message_sets, t.raised,
    ARRAY(SELECT code FROM company_code c WHERE c.trader = t.id) AS codes
FROM api_key k JOIN trader t ON t.id = k.trader WHERE k.hash = $1 AND k.revoked_at IS NULL

-- name: company_register
-- Every registered company code with the code it is compared by.
SELECT DISTINCT ON (code) code, canonical FROM company_code ORDER BY code, canonical

-- ── operating ───────────────────────────────────────────────────────────────

-- name: server_time
-- The database's clock.
SELECT extract(epoch FROM clock_timestamp())::float8 AS now

-- name: schema_version
-- The newest migration applied.
SELECT max(name) AS name FROM migration

-- ── webhooks ────────────────────────────────────────────────────────────────

-- name: lock_trader
-- Keeps a trader's endpoints or keys from being made at the same time, so that they can be counted.
SELECT id FROM trader WHERE id = $1 FOR NO KEY UPDATE

-- name: count_webhooks
-- How many endpoints a trader has.
SELECT count(*) FROM webhook WHERE trader = $1 AND deleted_at IS NULL

-- name: add_webhook
-- A new endpoint, which hears of what happens from now on.
INSERT INTO webhook (id, trader, url, description, types, created_at, cursor)
VALUES ($1, $2, $3, $4, $5, $6, coalesce((SELECT last_seq FROM feed_counter WHERE trader = $2), 0))

-- name: list_webhooks
-- A trader's endpoints, oldest first.
SELECT * FROM webhook WHERE trader = $1 AND deleted_at IS NULL ORDER BY id

-- name: get_webhook
-- One endpoint of a trader.
SELECT * FROM webhook WHERE trader = $1 AND id = $2 AND deleted_at IS NULL

-- name: lock_webhook
-- The same, kept from being fanned out to until the transaction ends.
SELECT * FROM webhook WHERE trader = $1 AND id = $2 AND deleted_at IS NULL FOR NO KEY UPDATE

-- name: change_webhook
-- Changes what is given; disabling keeps the time and reason of the first.
UPDATE webhook SET url = coalesce($3, url), description = coalesce($4, description), types = coalesce($5, types),
    disabled_at = CASE WHEN $6 THEN NULL WHEN NOT $6 THEN coalesce(disabled_at, $7) ELSE disabled_at END,
    disabled_reason = CASE WHEN $6 THEN NULL WHEN NOT $6 THEN coalesce(disabled_reason, 'by the trader')
        ELSE disabled_reason END
WHERE trader = $1 AND id = $2 AND deleted_at IS NULL
RETURNING *

-- name: begin_schedules_anew
-- Lets everything that waits at an endpoint go at once, with all its attempts before it.
UPDATE delivery SET attempt = 0, due_at = $2 WHERE webhook_id = $1 AND state = 'pending'

-- name: delete_webhook
-- Ends an endpoint; its deliveries stop, and the log of them stays.
UPDATE webhook SET deleted_at = $3 WHERE trader = $1 AND id = $2 AND deleted_at IS NULL RETURNING id

-- name: delete_webhook_secrets
-- Nothing is signed for an endpoint any more.
DELETE FROM webhook_secret WHERE webhook_id = $1

-- name: end_webhook_secret
-- Lets the current secret overlap with the next one.
UPDATE webhook_secret SET ends_at = $2 WHERE webhook_id = $1 AND ends_at IS NULL

-- name: end_earlier_webhook_secrets
-- Two secrets are live at most.
DELETE FROM webhook_secret WHERE webhook_id = $1 AND ends_at IS NOT NULL

-- name: add_webhook_secret
-- The secret that is current from now on.
INSERT INTO webhook_secret (id, webhook_id, sealed, created_at) VALUES ($1, $2, $3, $4)

-- name: webhook_secrets
-- The live secrets of an endpoint, the newest first.
SELECT sealed FROM webhook_secret WHERE webhook_id = $1 AND (ends_at IS NULL OR ends_at > $2) ORDER BY id DESC

-- name: lock_webhooks_behind
-- Endpoints with events that nothing was made of yet. Every number up to last_seq is committed: whoever gives out
-- numbers holds the counter's row until its own commit.
SELECT w.id, w.trader, w.types, w.cursor FROM webhook w JOIN feed_counter c ON c.trader = w.trader
WHERE w.cursor < c.last_seq AND w.disabled_at IS NULL AND w.deleted_at IS NULL
ORDER BY w.id LIMIT $1 FOR NO KEY UPDATE OF w SKIP LOCKED

-- name: read_feed_to_deliver
-- A page of a trader's feed without its data.
SELECT f.seq, e.id, e.declaration_id, e.type FROM feed f JOIN event e ON e.id = f.event_id
WHERE f.trader = $1 AND f.seq > $2 ORDER BY f.seq LIMIT $3

-- name: add_deliveries
-- New deliveries; an event that waits at the endpoint already stays as it is.
INSERT INTO delivery (id, webhook_id, event_id, seq, declaration_id, type, due_at, created_at)
SELECT id, webhook_id, event_id, seq, declaration_id, type, $7, $7
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::uuid[], $6::text[])
    AS d(id, webhook_id, event_id, seq, declaration_id, type)
ON CONFLICT (webhook_id, event_id) WHERE state = 'pending' DO NOTHING

-- name: move_webhook_cursor
-- Remembers how far an endpoint's deliveries were made.
UPDATE webhook SET cursor = $2 WHERE id = $1

-- name: supersede_event
-- Takes back the waiting delivery of an event, as another takes its place.
UPDATE delivery SET state = 'superseded', settled_at = $3 WHERE webhook_id = $1 AND event_id = $2 AND state = 'pending'

-- name: supersede_after
-- Takes back what waits of the events that will be fanned out again.
UPDATE delivery SET state = 'superseded', settled_at = $3 WHERE webhook_id = $1 AND seq > $2 AND state = 'pending'

-- name: due_webhooks
-- Endpoints with something to be sent now.
SELECT w.id FROM webhook w WHERE w.disabled_at IS NULL AND w.deleted_at IS NULL AND EXISTS (
    SELECT 1 FROM delivery d WHERE d.webhook_id = w.id AND d.state = 'pending' AND d.due_at <= $1)
ORDER BY w.id

-- name: claim_deliveries
-- The only right to send: counts the attempt and hides the delivery until `visible_at`. An earlier event of the same
-- declaration that still waits holds it back.
WITH ready AS (
    SELECT d.id FROM delivery d JOIN webhook w ON w.id = d.webhook_id
    WHERE d.webhook_id = $1 AND d.state = 'pending' AND d.due_at <= $2
        AND w.disabled_at IS NULL AND w.deleted_at IS NULL AND NOT EXISTS (
            SELECT 1 FROM delivery e WHERE e.webhook_id = d.webhook_id AND e.declaration_id = d.declaration_id
                AND e.state = 'pending' AND e.seq < d.seq)
    ORDER BY d.due_at, d.id LIMIT $3 FOR UPDATE OF d SKIP LOCKED
)
UPDATE delivery SET attempt = attempt + 1, due_at = $4 FROM ready WHERE delivery.id = ready.id
RETURNING delivery.id

-- name: describe_deliveries
-- Where these go and the events they tell of; one whose event is no longer there has no data.
SELECT d.id, d.webhook_id, d.event_id, d.seq, d.declaration_id, d.type, d.attempt, d.created_at, w.url, e.at, e.data
FROM delivery d JOIN webhook w ON w.id = d.webhook_id LEFT JOIN event e ON e.id = d.event_id
WHERE d.id = ANY($1::uuid[]) ORDER BY d.id

-- name: settle_deliveries
-- What came of attempts. That it arrived is true whoever says it; everything else is said by the attempt that still
-- owns the delivery.
UPDATE delivery d SET state = o.state, due_at = coalesce(o.due_at, d.due_at), http_status = o.http_status,
    answer = o.answer, error = o.error,
    settled_at = CASE WHEN o.state = 'pending' THEN NULL ELSE $8::timestamptz END
FROM unnest($1::uuid[], $2::int[], $3::text[], $4::timestamptz[], $5::int[], $6::bytea[], $7::text[])
    AS o(id, attempt, state, due_at, http_status, answer, error)
WHERE d.id = o.id AND d.state = 'pending' AND (d.attempt = o.attempt OR o.state = 'delivered')
RETURNING d.id, d.webhook_id

-- name: disable_webhook
-- The receiver is gone for good; what waits for it stops.
UPDATE webhook SET disabled_at = $2, disabled_reason = $3 WHERE id = $1 AND disabled_at IS NULL

-- name: list_deliveries
-- The log of an endpoint, newest first.
SELECT * FROM delivery WHERE webhook_id = $1 AND ($2::uuid IS NULL OR id < $2) AND ($3::text IS NULL OR state = $3)
ORDER BY id DESC LIMIT $4

-- name: get_delivery
-- One delivery of an endpoint.
SELECT * FROM delivery WHERE webhook_id = $1 AND id = $2
