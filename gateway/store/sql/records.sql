-- Idempotency keys, counters, the audit chain, bundles and the hub's own values.

-- No row affected = the key is held; a key past its life is taken over.
-- name: idempotency_insert
INSERT INTO idempotency (scope, idem_key, fingerprint, reference, status, at, expires_at)
VALUES (:scope, :idem_key, :fingerprint, :reference, :status, :at, :expires_at)
ON CONFLICT (scope, idem_key) DO UPDATE SET
    fingerprint = excluded.fingerprint, reference = excluded.reference,
    status = excluded.status, at = excluded.at, expires_at = excluded.expires_at
WHERE idempotency.expires_at <= excluded.at;

-- What is kept under a key moves on, but only from what one last saw there: of two that go on from
-- the same place one finds no row.
-- name: idempotency_move
UPDATE idempotency SET reference = :reference, status = :status
WHERE scope = :scope AND idem_key = :idem_key AND reference = :was
  AND status = :was_status;

-- name: counter_add
INSERT INTO counter (owner, interface, name, value) VALUES (:owner, :interface, :name, :value)
ON CONFLICT (owner, interface, name) DO UPDATE SET value = counter.value + excluded.value;

-- name: audit_insert
INSERT INTO audit (writer, seq, at, actor, action, object_id, reason, outcome, detail, prev_hash,
                   hash)
VALUES (:writer, :seq, :at, :actor, :action, :object_id, :reason, :outcome, :detail, :prev_hash,
        :hash);

-- Which group a writer committed last: when the reply to a COMMIT is lost, this tells.
-- name: writer_mark
INSERT INTO writer (name, group_id) VALUES (:name, :group_id)
ON CONFLICT (name) DO UPDATE SET group_id = excluded.group_id;

-- name: bundle_insert
INSERT INTO bundle (hash, at, body) VALUES (:hash, :at, :body) ON CONFLICT DO NOTHING;

-- name: hub_put
INSERT INTO hub (key, value) VALUES (:key, :value)
ON CONFLICT (key) DO UPDATE SET value = excluded.value;

-- Keeps a number that only rises; no row affected = it is as high already.
-- name: hub_raise
INSERT INTO hub (key, value) VALUES (:key, CAST(CAST(:value AS BIGINT) AS TEXT))
ON CONFLICT (key) DO UPDATE SET value = excluded.value
WHERE CAST(hub.value AS BIGINT) < CAST(excluded.value AS BIGINT);

-- name: idempotency_get
-- read: point
SELECT * FROM idempotency WHERE scope = :scope AND idem_key = :idem_key;

-- Summed over the processes that count.
-- name: counters
-- read: scan
-- optional: interface
SELECT interface, name, CAST(SUM(value) AS BIGINT) AS value FROM counter
WHERE (interface = :interface OR :interface IS NULL)
GROUP BY interface, name ORDER BY interface, name;

-- The last entries of a writer, the newest first.
-- name: audit_tail
-- read: scan
-- optional: writer object_id
SELECT * FROM audit
WHERE (writer = :writer OR :writer IS NULL) AND (object_id = :object_id OR :object_id IS NULL)
ORDER BY at DESC, writer, seq DESC LIMIT :limit;

-- One writer's entries before one of them, the newest first.
-- name: audit_before
-- read: scan
-- optional: before
SELECT * FROM audit
WHERE writer = :writer AND (seq < :before OR :before IS NULL)
ORDER BY seq DESC LIMIT :limit;

-- The chain of one writer in order, a page at a time, for `verify_chain`.
-- name: audit_rows
-- read: scan
SELECT * FROM audit WHERE writer = :writer AND seq > :after_seq ORDER BY seq LIMIT :limit;

-- name: audit_last
-- read: point
SELECT * FROM audit WHERE writer = :writer ORDER BY seq DESC LIMIT 1;

-- name: writer_group
-- read: point
SELECT group_id FROM writer WHERE name = :name;

-- Who has written audit rows: one seek per writer.
-- name: audit_writers
-- read: scan
WITH RECURSIVE found (writer) AS (
    SELECT MIN(writer) FROM audit
    UNION ALL
    SELECT (SELECT MIN(audit.writer) FROM audit WHERE audit.writer > found.writer)
    FROM found WHERE found.writer IS NOT NULL
)
SELECT writer FROM found WHERE writer IS NOT NULL;

-- name: bundle_get
-- read: point
SELECT * FROM bundle WHERE hash = :hash;

-- name: hub_get
-- read: point
SELECT value FROM hub WHERE key = :key;
