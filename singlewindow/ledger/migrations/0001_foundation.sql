-- The ledger. Ids are UUIDv7 by the database's clock; the partitioned tables are ranged by them.

CREATE TABLE trader (
    id          uuid PRIMARY KEY,
    name        text NOT NULL,
    -- the sandbox's default trader may file for every company
    all_codes   boolean NOT NULL DEFAULT false,
    created_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE api_key (
    id          uuid PRIMARY KEY,
    trader      uuid NOT NULL REFERENCES trader,
    hash        bytea NOT NULL UNIQUE,
    scopes      text[] NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    revoked_at  timestamptz
);
CREATE INDEX api_key_of_trader ON api_key (trader) WHERE revoked_at IS NULL;

-- `canonical` is the code under which all codes of one company are compared.
CREATE TABLE company_code (
    trader      uuid NOT NULL REFERENCES trader,
    scheme      text NOT NULL,
    code        text NOT NULL,
    canonical   text NOT NULL,
    PRIMARY KEY (trader, scheme, code)
);

CREATE TABLE message (
    id           uuid NOT NULL PRIMARY KEY,
    trader       uuid NOT NULL,
    message_set  text NOT NULL,
    root         text NOT NULL,
    sha256       bytea NOT NULL,
    size         integer NOT NULL,
    received_at  timestamptz NOT NULL,
    receipt      bytea NOT NULL
) PARTITION BY RANGE (id);
CREATE TABLE message_default PARTITION OF message DEFAULT;

-- Bytes apart from their metadata; codec, key and erasure are here so that encryption needs no new shape.
CREATE TABLE body (
    id         uuid NOT NULL PRIMARY KEY,
    content    bytea,
    codec      text NOT NULL DEFAULT 'identity',
    key_id     text,
    erased_at  timestamptz
) PARTITION BY RANGE (id);
CREATE TABLE body_default PARTITION OF body DEFAULT;

CREATE TABLE declaration (
    id             uuid NOT NULL PRIMARY KEY,
    message_id     uuid NOT NULL,
    ordinal        integer NOT NULL,
    trader         uuid NOT NULL,
    message_set    text NOT NULL,
    kind           text NOT NULL,
    action         text NOT NULL,
    keys           jsonb NOT NULL,
    state          text NOT NULL,
    -- the matching lane has planned it; until then it owns no parts
    matched        boolean NOT NULL DEFAULT false,
    received_at    timestamptz NOT NULL,
    changed_at     timestamptz NOT NULL,
    facts          jsonb NOT NULL,
    refs           jsonb NOT NULL DEFAULT '{}',
    waiting_for    jsonb NOT NULL DEFAULT '[]',
    warnings       jsonb NOT NULL DEFAULT '[]',
    attention      text,
    anomaly        boolean NOT NULL DEFAULT false,
    case_id        uuid,
    target_id      uuid,
    supersedes     uuid
) PARTITION BY RANGE (id);
CREATE TABLE declaration_default PARTITION OF declaration DEFAULT;
CREATE INDEX declaration_of_trader ON declaration (trader, id);
CREATE INDEX declaration_of_message ON declaration (message_id);

-- One step at one agency; its id is the task id the agency sees over all attempts.
CREATE TABLE part (
    id              uuid NOT NULL PRIMARY KEY,
    declaration_id  uuid NOT NULL,
    agency          text NOT NULL,
    action          text NOT NULL,
    leg             integer,
    required        boolean NOT NULL,
    principal       boolean NOT NULL,
    ends            text[] NOT NULL,
    crosses_border  boolean NOT NULL DEFAULT false,
    state           text NOT NULL,
    since           timestamptz NOT NULL,
    authority_time  text,
    authority_code  text,
    refs            jsonb NOT NULL DEFAULT '{}',
    errors          jsonb NOT NULL DEFAULT '[]'
);
CREATE INDEX part_of_declaration ON part (declaration_id);
-- what a puller asks while it waits
CREATE INDEX part_awaited ON part (agency) WHERE state IN ('submitted', 'registered', 'under_control', 'suspended');

CREATE TABLE exchange (
    id          uuid NOT NULL PRIMARY KEY,
    agency      text NOT NULL,
    action      text NOT NULL,
    sender      uuid NOT NULL,
    sent_at     timestamptz NOT NULL,
    -- the envelope, originals named by their hash
    request     bytea NOT NULL,
    answered_at timestamptz,
    http_status integer,
    reply       bytea,
    error       text
) PARTITION BY RANGE (id);
CREATE TABLE exchange_default PARTITION OF exchange DEFAULT;

CREATE TABLE exchange_task (
    task_id      uuid NOT NULL,
    exchange_id  uuid NOT NULL,
    attempt      integer NOT NULL,
    PRIMARY KEY (task_id, exchange_id)
);

CREATE TABLE event (
    id              uuid NOT NULL PRIMARY KEY,
    declaration_id  uuid NOT NULL,
    trader          uuid NOT NULL,
    type            text NOT NULL,
    at              timestamptz NOT NULL,
    data            jsonb NOT NULL
) PARTITION BY RANGE (id);
CREATE TABLE event_default PARTITION OF event DEFAULT;
CREATE INDEX event_of_declaration ON event (declaration_id, id);

CREATE TABLE idempotency (
    trader      uuid NOT NULL,
    key_hash    bytea NOT NULL,
    message_id  uuid NOT NULL,
    body_sha256 bytea NOT NULL,
    PRIMARY KEY (trader, key_hash)
);

-- Who took a business key last; `state` follows the declaration, so that a dead one frees the key.
CREATE TABLE filing (
    key_hash        bytea PRIMARY KEY,
    declaration_id  uuid NOT NULL,
    message_id      uuid NOT NULL,
    trader          uuid NOT NULL,
    body_sha256     bytea NOT NULL,
    content_sha256  bytea NOT NULL,
    state           text NOT NULL
) WITH (fillfactor = 90);
CREATE INDEX filing_of_declaration ON filing (declaration_id);

-- Ready and running work only; settled tasks leave for the event history.
CREATE TABLE task (
    id              uuid PRIMARY KEY,
    lane            text NOT NULL,
    declaration_id  uuid NOT NULL,
    part_id         uuid,
    attempt         integer NOT NULL DEFAULT 0,
    due_at          timestamptz NOT NULL,
    born_at         timestamptz NOT NULL DEFAULT now(),
    -- the last attempt ended with a recorded failure, so its outcome is known
    failed          boolean NOT NULL DEFAULT false,
    last_error      text
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX task_due ON task (lane, due_at);

-- Documents find each other by equal hashes; one side of a pair is always an anchor.
CREATE TABLE join_key (
    hash            bytea NOT NULL,
    declaration_id  uuid NOT NULL,
    name            text NOT NULL,
    anchor          boolean NOT NULL,
    PRIMARY KEY (hash, anchor, declaration_id)
);
CREATE INDEX join_key_of_declaration ON join_key (declaration_id);

CREATE TABLE case_link (
    anchor       uuid NOT NULL,
    declaration  uuid NOT NULL,
    role         text NOT NULL,
    linked_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (anchor, declaration)
);
CREATE INDEX case_link_of_declaration ON case_link (declaration);

-- What a trader searches by: order, waybill, registration and container numbers.
CREATE TABLE search_key (
    trader          uuid NOT NULL,
    value_hash      bytea NOT NULL,
    declaration_id  uuid NOT NULL,
    PRIMARY KEY (trader, value_hash, declaration_id)
);

-- What an authority said, each once by its own notice id; the document's bytes are in `body`.
CREATE TABLE response (
    agency          text NOT NULL,
    notice_id       text NOT NULL,
    declaration_id  uuid,
    part_id         uuid,
    body_id         uuid,
    code            text NOT NULL,
    state           text,
    authority_time  text,
    via             text NOT NULL,
    received_at     timestamptz NOT NULL,
    PRIMARY KEY (agency, notice_id)
);
CREATE INDEX response_of_declaration ON response (declaration_id, received_at);

CREATE TABLE pull_cursor (
    agency  text PRIMARY KEY,
    cursor  text NOT NULL
);

CREATE TABLE feed_counter (
    trader    uuid PRIMARY KEY,
    last_seq  bigint NOT NULL DEFAULT 0
);

-- Numbered without gaps per trader: the counter's row lock is taken last and held to the commit.
CREATE TABLE feed (
    trader    uuid NOT NULL,
    seq       bigint NOT NULL,
    event_id  uuid NOT NULL,
    PRIMARY KEY (trader, seq)
);
