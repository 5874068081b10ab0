-- The feed of each trader is a Merkle tree (RFC 6962) whose head is signed each second.

-- Random, hashed together with the data: with both erased, the leaf that stays tells nothing and proves the others.
ALTER TABLE event ADD COLUMN salt bytea NOT NULL DEFAULT '';
ALTER TABLE event ALTER COLUMN salt DROP DEFAULT;

-- Events older than the tree are committed to by their id alone.
ALTER TABLE feed ADD COLUMN leaf bytea;
UPDATE feed SET leaf = sha256('\x00'::bytea || convert_to(event_id::text, 'UTF8'));
ALTER TABLE feed ALTER COLUMN leaf SET NOT NULL;

-- The message whose receipt this leaf commits to: one row of each message.
ALTER TABLE feed ADD COLUMN message_id uuid;
CREATE UNIQUE INDEX feed_of_message ON feed (message_id) WHERE message_id IS NOT NULL;

-- The signed head over the first `size` events. `frontier`, the roots of the perfect subtrees from the left, lets the
-- next head and the proofs of what follows be made without reading the tree again.
CREATE TABLE checkpoint (
    trader     uuid NOT NULL,
    size       bigint NOT NULL CHECK (size > 0),
    root       bytea NOT NULL,
    frontier   bytea[] NOT NULL,
    sealed_at  timestamptz NOT NULL,
    signature  text NOT NULL,
    PRIMARY KEY (trader, size)
);
