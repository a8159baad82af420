-- What health, the API and the command line show; reads only.

-- Every lane with its newest and its oldest unsettled row, in three seeks per lane.
-- name: lane_progress
-- read: scan
SELECT lane.lane_id, lane.name, lane.kind, lane.interface, lane.destination, lane.route,
       lane.head, lane.cursor,
       (SELECT owed.at FROM owed WHERE owed.lane_id = lane.lane_id AND owed.seq > lane.cursor
        ORDER BY owed.seq LIMIT 1) AS oldest_at,
       (SELECT owed.at FROM owed WHERE owed.lane_id = lane.lane_id AND owed.seq = lane.head)
        AS last_at
FROM lane ORDER BY lane.lane_id;

-- What is set aside per interface and state; only the retry table, which holds failures, is read.
-- name: retry_sums
-- read: scan
SELECT lane.interface, retry.state, COUNT(*) AS count,
       CAST(COALESCE(SUM(retry.amount_cents), 0) AS BIGINT) AS amount_cents, MIN(retry.since) AS oldest_since
FROM retry JOIN lane ON lane.lane_id = retry.lane_id
GROUP BY lane.interface, retry.state ORDER BY lane.interface, retry.state;

-- Everything of one owed item that is in the retry table.
-- name: retries_of_item
-- read: point
SELECT retry.*, lane.name AS lane, lane.kind, lane.interface, lane.destination, lane.route
FROM retry JOIN lane ON lane.lane_id = retry.lane_id
WHERE retry.lane_id = :lane_id AND retry.seq = :seq
ORDER BY retry.part_offset LIMIT 1000;

-- A page of one contract's messages, the newest first; `before_*` is the last of the page before.
-- name: message_page
-- read: scan
-- optional: before_at before_id
SELECT * FROM message
WHERE contract = :contract
  AND ((created_at, message_id) < (:before_at, :before_id) OR :before_at IS NULL)
ORDER BY created_at DESC, message_id DESC LIMIT :limit;

-- Contracts of which there are messages: one seek per contract.
-- name: message_contracts
-- read: scan
WITH RECURSIVE found (contract) AS (
    SELECT MIN(contract) FROM message
    UNION ALL
    SELECT (SELECT MIN(message.contract) FROM message WHERE message.contract > found.contract)
    FROM found WHERE found.contract IS NOT NULL
)
SELECT contract FROM found WHERE contract IS NOT NULL;
