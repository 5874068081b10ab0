-- What a trader chose, and the XML that messages in JSON were judged and are forwarded as.

ALTER TABLE trader
    -- the sets its messages are judged by where these know the root; empty: the first that takes a message
    ADD COLUMN message_sets text[] NOT NULL DEFAULT '{}',
    -- rules whose warnings are errors to this trader
    ADD COLUMN raised text[] NOT NULL DEFAULT '{}';

CREATE TABLE derived (
    message_id  uuid PRIMARY KEY,
    content     bytea NOT NULL,
    sha256      bytea NOT NULL
);
