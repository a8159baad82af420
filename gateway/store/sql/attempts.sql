-- Attempts, what was started, and the retry table.

-- Only the lane's present owner settles (epoch). Written once: a unit that is offered again after a
-- lost answer must not undo what a person has done to the item since; who offers it looks first.
-- name: attempt_insert
INSERT INTO attempt (lane_id, seq, part_offset, number, generation, at, took_ms, outcome, failure,
                     code, detail, fingerprint, external_id, reply_id, epoch)
SELECT :lane_id, :seq, :part_offset, :number, :generation, :at, :took_ms, :outcome, :failure,
       :code, :detail, :fingerprint, :external_id, :reply_id, :epoch
FROM lane WHERE lane_id = :lane_id AND epoch = :epoch
ON CONFLICT (lane_id, seq, part_offset, number) DO NOTHING;

-- Committed before the first byte leaves for a sink that cannot take a key. No row affected =
-- this try was started before and never settled (then its outcome is unknown: also where the same
-- process asks again after a lost answer: a restarted one may ask at the same moment), the lane has
-- another owner by now, or a person has changed what was taken from the retry table (in `state`;
-- '': it was not): their decision was first.
-- name: started_insert
INSERT INTO started (lane_id, seq, generation, number, at)
SELECT :lane_id, :seq, :generation, :number, :at
FROM lane WHERE lane_id = :lane_id AND epoch = :epoch AND (:state = '' OR EXISTS (
    SELECT 1 FROM retry WHERE retry.lane_id = :lane_id AND retry.seq = :seq
        AND retry.part_offset = -1 AND retry.state = :state AND retry.generation = :generation))
ON CONFLICT (lane_id, seq, generation, number) DO NOTHING;

-- name: retry_put
INSERT INTO retry (lane_id, seq, part_offset, state, due_at, attempts, generation, failure, code,
                   detail, fingerprint, order_key, since, amount_cents, correlation)
VALUES (:lane_id, :seq, :part_offset, :state, :due_at, :attempts, :generation, :failure, :code,
        :detail, :fingerprint, :order_key, :since, :amount_cents, :correlation)
ON CONFLICT (lane_id, seq, part_offset) DO UPDATE SET
    state = excluded.state, due_at = excluded.due_at, attempts = excluded.attempts,
    generation = excluded.generation, failure = excluded.failure, code = excluded.code,
    detail = excluded.detail, fingerprint = excluded.fingerprint,
    order_key = excluded.order_key, since = excluded.since,
    amount_cents = excluded.amount_cents, correlation = excluded.correlation;

-- name: retry_delete
DELETE FROM retry WHERE lane_id = :lane_id AND seq = :seq AND part_offset = :part_offset;

-- name: retry_delete_if
DELETE FROM retry
WHERE lane_id = :lane_id AND seq = :seq AND part_offset = :part_offset AND state = :state;

-- name: attempts_of
-- read: point
SELECT * FROM attempt WHERE lane_id = :lane_id AND seq = :seq
ORDER BY part_offset, number LIMIT 1000;

-- One attempt; no row where it was not settled.
-- name: attempt_one
-- read: point
SELECT outcome, at FROM attempt
WHERE lane_id = :lane_id AND seq = :seq AND part_offset = :part_offset AND number = :number;

-- The number of the last attempt, however many there are.
-- name: attempt_last
-- read: point
SELECT number FROM attempt
WHERE lane_id = :lane_id AND seq = :seq AND part_offset = :part_offset
ORDER BY number DESC LIMIT 1;

-- Whether some try under this key may have had its effect, whatever later ones said.
-- name: attempt_unknown
-- read: point
SELECT number FROM attempt
WHERE lane_id = :lane_id AND seq = :seq AND part_offset = :part_offset
  AND generation = :generation AND outcome = 'unknown' LIMIT 1;

-- The done set above the cursor.
-- name: settled_above
-- read: scan
SELECT DISTINCT seq FROM attempt
WHERE lane_id = :lane_id AND seq > :after_seq AND part_offset = -1
  AND outcome IN ('done', 'discarded')
ORDER BY seq;

-- When a try was put on record as begun; no row where it was not.
-- name: started_one
-- read: point
SELECT at FROM started
WHERE lane_id = :lane_id AND seq = :seq AND generation = :generation AND number = :number;

-- What is set aside as a whole above the cursor: few, the others lie below it.
-- name: set_aside_above
-- read: scan
SELECT seq FROM retry WHERE lane_id = :lane_id AND seq > :after_seq AND part_offset = -1
ORDER BY seq;

-- What is set aside under an ordering key, but for one state that lets its successors pass; of a
-- very long list its start.
-- name: retry_keys
-- read: scan
SELECT order_key, seq, state FROM retry
WHERE lane_id = :lane_id AND order_key > '' AND state <> :passed
ORDER BY order_key, seq LIMIT :limit;

-- The same of one key.
-- name: retry_states_of_key
-- read: point
SELECT DISTINCT state FROM retry WHERE lane_id = :lane_id AND order_key = :order_key LIMIT 10;

-- A message that confirms has come. It names a delivery by the partner's number for it (which
-- stands in the retry row), by the message's own correlation, or by the message: what waits for
-- it is due since ever (0, which nothing else is), and its lanes' owners, wherever they are, are to
-- look again.
-- name: retry_nudge
UPDATE retry SET due_at = 0 WHERE correlation = :correlation AND state = 'confirming';
UPDATE retry SET due_at = 0
WHERE state = 'confirming' AND (lane_id, seq, part_offset) IN (
    SELECT owed.lane_id, owed.seq, -1 FROM owed
    WHERE owed.item_id = :correlation OR owed.item_id IN (
        SELECT message_id FROM message WHERE message.correlation = :correlation));
UPDATE lane SET asked = asked + 1 WHERE lane_id IN (
    SELECT retry.lane_id FROM retry
    WHERE retry.correlation = :correlation AND retry.state = 'confirming'
    UNION ALL
    SELECT owed.lane_id FROM owed
    JOIN retry ON retry.lane_id = owed.lane_id AND retry.seq = owed.seq
        AND retry.part_offset = -1 AND retry.state = 'confirming'
    WHERE owed.item_id = :correlation OR owed.item_id IN (
        SELECT message_id FROM message WHERE message.correlation = :correlation));

-- What a message that confirms has come for and is not settled by it yet. In the index's order:
-- by any other an engine would walk the whole lane.
-- name: retry_told
-- read: point
SELECT * FROM retry WHERE lane_id = :lane_id AND state = 'confirming' AND due_at <= 0
ORDER BY due_at LIMIT :limit;

-- One seek per state, so that the index gives the order and a long table costs nothing.
-- name: retry_due
-- read: point
SELECT * FROM (
    SELECT * FROM (SELECT * FROM retry
        WHERE lane_id = :lane_id AND state = 'waiting' AND due_at <= :now
        ORDER BY due_at, seq, part_offset LIMIT :limit) AS waiting
    UNION ALL
    SELECT * FROM (SELECT * FROM retry
        WHERE lane_id = :lane_id AND state = 'confirming' AND due_at <= :now
        ORDER BY due_at, seq, part_offset LIMIT :limit) AS confirming) AS due
ORDER BY due_at, seq, part_offset LIMIT :limit;

-- A page of the table: `after_*` is the last row of the page before.
-- name: retries
-- read: scan
-- optional: state interface lane fingerprint after_lane_id after_seq after_part_offset
SELECT retry.*, lane.name AS lane, lane.kind, lane.interface, lane.destination, lane.route,
       lane.epoch, owed.item_id, owed.delivery_id, owed.at AS owed_at
FROM retry JOIN lane ON lane.lane_id = retry.lane_id
LEFT JOIN owed ON owed.lane_id = retry.lane_id AND owed.seq = retry.seq
WHERE (retry.state = :state OR :state IS NULL)
  AND (lane.interface = :interface OR :interface IS NULL)
  AND (lane.name = :lane OR :lane IS NULL)
  AND (retry.fingerprint = :fingerprint OR :fingerprint IS NULL)
  AND ((retry.lane_id, retry.seq, retry.part_offset)
         > (:after_lane_id, :after_seq, :after_part_offset)
       OR :after_lane_id IS NULL)
ORDER BY retry.lane_id, retry.seq, retry.part_offset LIMIT :limit;

-- name: retry_groups
-- read: scan
-- optional: state interface
SELECT retry.fingerprint, retry.state, lane.name AS lane, lane.interface, lane.destination,
       MIN(retry.code) AS code, COUNT(*) AS count,
       CAST(COALESCE(SUM(retry.amount_cents), 0) AS BIGINT) AS amount_cents, MIN(retry.since) AS oldest_since
FROM retry JOIN lane ON lane.lane_id = retry.lane_id
WHERE (retry.state = :state OR :state IS NULL)
  AND (lane.interface = :interface OR :interface IS NULL)
GROUP BY retry.fingerprint, retry.state, lane.name, lane.interface, lane.destination
ORDER BY count DESC, retry.fingerprint, lane.name;

-- name: retry_one
-- read: point
SELECT retry.*, lane.name AS lane, lane.kind, lane.interface, lane.destination, lane.route,
       lane.epoch
FROM retry JOIN lane ON lane.lane_id = retry.lane_id
WHERE retry.lane_id = :lane_id AND retry.seq = :seq AND retry.part_offset = :part_offset;
