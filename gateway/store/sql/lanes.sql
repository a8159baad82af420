-- Lanes, what is owed on them, and the destinations they share.

-- Gives lane_id, head, cursor and epoch, whether the lane is new or not.
-- name: lane_ensure
INSERT INTO lane (name, kind, interface, destination, route)
VALUES (:name, :kind, :interface, :destination, :route)
ON CONFLICT (name) DO NOTHING;
SELECT lane_id, head, cursor, epoch FROM lane WHERE name = :name;

-- Free, ours, or the lease has run out; no row means somebody else holds it.
-- name: lane_take
UPDATE lane SET epoch = epoch + 1, owner = :owner, lease_until = :lease_until
WHERE lane_id = :lane_id AND (owner = '' OR owner = :owner OR lease_until <= :now)
RETURNING lane_id, epoch, head, cursor;

-- name: lane_renew
UPDATE lane SET lease_until = :lease_until WHERE lane_id = :lane_id AND epoch = :epoch;

-- name: lane_release
UPDATE lane SET owner = '', lease_until = 0 WHERE lane_id = :lane_id AND epoch = :epoch;

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

-- name: destination_put
INSERT INTO destination (name, state, reason, since, detail)
VALUES (:name, :state, :reason, :since, :detail)
ON CONFLICT (name) DO UPDATE SET state = excluded.state, reason = excluded.reason,
    since = excluded.since, detail = excluded.detail;

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

-- How far each lane is behind (the cursor follows lazily) and since when, in two seeks per lane.
-- name: lane_backlog
-- read: scan
SELECT lane.lane_id, lane.name, lane.kind, lane.interface, lane.destination, lane.route,
       lane.head, lane.cursor, lane.head - lane.cursor AS backlog,
       (SELECT owed.at FROM owed WHERE owed.lane_id = lane.lane_id AND owed.seq > lane.cursor
        ORDER BY owed.seq LIMIT 1) AS oldest_at
FROM lane ORDER BY lane.lane_id;

-- name: destinations
-- read: scan
SELECT * FROM destination ORDER BY name;

-- name: destination_by_name
-- read: point
SELECT * FROM destination WHERE name = :name;
