-- Where traders want to hear of their events, and each delivery of an event to such an endpoint.

CREATE TABLE webhook (
    id               uuid PRIMARY KEY,
    trader           uuid NOT NULL REFERENCES trader,
    url              text NOT NULL,
    description      text NOT NULL DEFAULT '',
    -- types of events to deliver; empty: all
    types            text[] NOT NULL DEFAULT '{}',
    -- deliveries were made for the trader's events up to this number; a replay moves it back
    cursor           bigint NOT NULL,
    created_at       timestamptz NOT NULL,
    disabled_at      timestamptz,
    disabled_reason  text,
    deleted_at       timestamptz
);
CREATE INDEX webhook_of_trader ON webhook (trader) WHERE deleted_at IS NULL;

-- AES-256-GCM under a key that is not in the database. One without an end is current, others overlap with it.
CREATE TABLE webhook_secret (
    id          uuid PRIMARY KEY,
    webhook_id  uuid NOT NULL REFERENCES webhook,
    sealed      bytea NOT NULL,
    created_at  timestamptz NOT NULL,
    ends_at     timestamptz
);
CREATE UNIQUE INDEX webhook_secret_current ON webhook_secret (webhook_id) WHERE ends_at IS NULL;
CREATE INDEX webhook_secret_of_webhook ON webhook_secret (webhook_id);

-- An event on its way to an endpoint. A test has no event of the feed, so neither number nor declaration.
CREATE TABLE delivery (
    id              uuid PRIMARY KEY,
    webhook_id      uuid NOT NULL REFERENCES webhook,
    event_id        uuid NOT NULL,
    seq             bigint,
    declaration_id  uuid,
    type            text NOT NULL,
    state           text NOT NULL DEFAULT 'pending'
                    CHECK (state IN ('pending', 'delivered', 'failed', 'superseded')),
    attempt         integer NOT NULL DEFAULT 0,
    -- the next attempt; while one runs, when it counts as lost
    due_at          timestamptz NOT NULL,
    created_at      timestamptz NOT NULL,
    settled_at      timestamptz,
    -- of the last attempt: the answer's status and beginning, or why there was none
    http_status     integer,
    answer          bytea,
    error           text
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX delivery_of_webhook ON delivery (webhook_id, id);
CREATE INDEX delivery_due ON delivery (webhook_id, due_at) WHERE state = 'pending';
-- what holds back the later events of a declaration
CREATE INDEX delivery_of_declaration ON delivery (webhook_id, declaration_id, seq) WHERE state = 'pending';
-- an event waits at an endpoint once, however often it is fanned out, redelivered or replayed
CREATE UNIQUE INDEX delivery_waiting ON delivery (webhook_id, event_id) WHERE state = 'pending';
