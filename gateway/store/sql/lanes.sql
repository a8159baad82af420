-- Lanes, what is owed on them, and the destinations they share.

-- Gives lane_id, head, cursor and epoch, whether the lane is new or not.
-- name: lane_ensure
INSERT INTO lane (name, kind, interface, destination, route)
VALUES (:name, :kind, :interface, :destination, :route)
ON CONFLICT (name) DO NOTHING;
SELECT lane_id, head, cursor, epoch FROM lane WHERE name = :name;

-- Free, ours, or its node's lease has run out; no row means that a living node holds it.
-- name: lane_take
UPDATE lane SET epoch = epoch + 1, owner = :owner
WHERE lane_id = :lane_id AND (owner = '' OR owner = :owner OR NOT EXISTS (
    SELECT 1 FROM node WHERE node.name = lane.owner AND node.lease_until > :store_now))
RETURNING lane_id, epoch, head, cursor;

-- name: lane_release
UPDATE lane SET owner = '' WHERE lane_id = :lane_id AND epoch = :epoch;

-- Somebody beside its owner changed what the lane has set aside: the owner is to look again.
-- name: lane_ask
UPDATE lane SET asked = asked + 1 WHERE lane_id = :lane_id;

-- name: lane_cursor
UPDATE lane SET cursor = :cursor WHERE lane_id = :lane_id AND epoch = :epoch;

-- Appends with the next gap-free sequence; a delivery that is owed already is left alone.
-- An unknown lane has no next sequence and is refused (NOT NULL).
-- name: owe
INSERT INTO owed (lane_id, seq, item_id, delivery_id, order_key, at)
VALUES (:lane_id, (SELECT head + 1 FROM lane WHERE lane_id = :lane_id), :item_id, :delivery_id,
        :order_key, :at)
ON CONFLICT (delivery_id) DO NOTHING;
UPDATE lane SET head = head + 1
WHERE lane_id = :lane_id AND EXISTS (
    SELECT 1 FROM owed WHERE owed.lane_id = :lane_id AND owed.seq = lane.head + 1);
-- engine: postgresql
-- Many at once, parameters are arrays; the lanes' rows are locked, so that nobody else counts.
-- One update per lane, however much is owed: a row has one new version a transaction.
WITH asked AS (
    SELECT DISTINCT ON (delivery_id) * FROM unnest(
        CAST(:lane_id AS BIGINT[]), CAST(:item_id AS TEXT[]), CAST(:delivery_id AS TEXT[]),
        CAST(:order_key AS TEXT[]), CAST(:at AS BIGINT[]))
    WITH ORDINALITY AS given (lane_id, item_id, delivery_id, order_key, at, unit)
    ORDER BY delivery_id, unit
), fresh AS (
    SELECT asked.*, lane.head
        + row_number() OVER (PARTITION BY asked.lane_id ORDER BY asked.unit) AS seq
    FROM asked LEFT JOIN lane ON lane.lane_id = asked.lane_id
    WHERE NOT EXISTS (SELECT 1 FROM owed WHERE owed.delivery_id = asked.delivery_id)
), written AS (
    INSERT INTO owed (lane_id, seq, item_id, delivery_id, order_key, at)
    SELECT lane_id, seq, item_id, delivery_id, order_key, at FROM fresh
), counted AS (
    UPDATE lane SET head = last.seq
    FROM (SELECT lane_id, MAX(seq) AS seq FROM fresh GROUP BY lane_id) AS last
    WHERE lane.lane_id = last.lane_id
)
SELECT unit FROM fresh;

-- name: destination_put
INSERT INTO destination (name, state, reason, since, detail, open_until, opened)
VALUES (:name, :state, :reason, :since, :detail, 0, 0)
ON CONFLICT (name) DO UPDATE SET state = excluded.state, reason = excluded.reason,
    since = excluded.since, detail = excluded.detail;

-- A breaker as every node sees it: open until then (milliseconds), for the how manieth time in a
-- row; 0 times: closed since then.
-- name: destination_breaker
INSERT INTO destination (name, state, reason, since, detail, open_until, opened)
VALUES (:name, 'run', '', :store_now, '', :open_until, :opened)
ON CONFLICT (name) DO UPDATE SET open_until = excluded.open_until, opened = excluded.opened;

-- A node lives as long as it renews in time; one whose lease has run out must join anew, under
-- another name (no row affected). Gives the living nodes, each with the store's time.
-- name: node_renew
INSERT INTO node (name, role, started_at, lease_until, bundle)
VALUES (:name, :role, :started_at, CAST(:store_now AS BIGINT) + :lease_ms, :bundle)
ON CONFLICT (name) DO UPDATE SET lease_until = excluded.lease_until, bundle = excluded.bundle
WHERE node.lease_until > :store_now;
SELECT name, role, bundle, CAST(:store_now AS BIGINT) AS store_now
FROM node WHERE lease_until > :store_now ORDER BY name;

-- name: node_leave
UPDATE lane SET owner = '' WHERE owner = :name;
DELETE FROM node WHERE name = :name;

-- Of an engine that one process holds alone: nobody else can be alive.
-- name: nodes_clear
DELETE FROM node;

-- Nodes that have been gone for long.
-- name: nodes_forget
DELETE FROM node WHERE lease_until + :kept_ms <= :store_now;

-- What changes under an owner's eyes: new items and asked questions, per lane of one node.
-- name: lane_news
-- read: point
SELECT lane_id, name, head, asked, epoch FROM lane WHERE owner = :owner ORDER BY lane_id;

-- name: lanes
-- read: scan
SELECT * FROM lane ORDER BY lane_id;

-- name: lane_by_name
-- read: point
SELECT * FROM lane WHERE name = :name;

-- name: lane_by_id
-- read: point
SELECT * FROM lane WHERE lane_id = :lane_id;

-- name: owed_window
-- read: point
SELECT seq, item_id, delivery_id, order_key, at FROM owed
WHERE lane_id = :lane_id AND seq > :after_seq ORDER BY seq LIMIT :limit;

-- name: owed_one
-- read: point
SELECT * FROM owed WHERE lane_id = :lane_id AND seq = :seq;

-- name: owed_by_delivery_id
-- read: point
SELECT owed.*, lane.name AS lane, lane.kind, lane.interface, lane.destination, lane.route,
       lane.cursor
FROM owed JOIN lane USING (lane_id) WHERE delivery_id = :delivery_id;

-- name: owed_of_item
-- read: point
SELECT owed.*, lane.name AS lane, lane.kind, lane.interface, lane.destination, lane.route,
       lane.cursor
FROM owed JOIN lane USING (lane_id) WHERE item_id = :item_id ORDER BY lane_id, seq LIMIT 1000;

-- name: destinations
-- read: scan
SELECT * FROM destination ORDER BY name;

-- name: destination_by_name
-- read: point
SELECT * FROM destination WHERE name = :name;
