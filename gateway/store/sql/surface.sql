-- What connected systems use of the API: quotas, pins of versions, calls, feeds, answers of orders.

-- Leases a slice of a window's quota; no row affected = there is not so much left, or the window is
-- over for others already. A row serves one window after the other.
-- name: quota_take
INSERT INTO quota (client, policy, window_at, used)
VALUES (:client, :policy, :window_at, :amount)
ON CONFLICT (client, policy) DO UPDATE SET
    used = CASE WHEN quota.window_at = excluded.window_at THEN quota.used ELSE 0 END
           + excluded.used,
    window_at = excluded.window_at
WHERE quota.window_at < excluded.window_at
   OR (quota.window_at = excluded.window_at AND quota.used + excluded.used <= :quota);

-- name: quota_get
-- read: point
SELECT window_at, used FROM quota WHERE client = :client AND policy = :policy;

-- The first use of a major by a client says which version it means where it names none.
-- name: contract_pin_insert
INSERT INTO contract_pin (client, contract, major, version, at)
VALUES (:client, :contract, :major, :version, :at) ON CONFLICT DO NOTHING;

-- name: contract_pins
-- read: point
SELECT major, version, at FROM contract_pin WHERE client = :client AND contract = :contract
ORDER BY at, major LIMIT 100;

-- name: contract_pins_of
-- read: scan
SELECT client, major, version, at FROM contract_pin WHERE contract = :contract
ORDER BY client, major LIMIT 10000;

-- name: contract_use_add
INSERT INTO contract_use (contract, version, client, day, calls, last_at)
VALUES (:contract, :version, :client, :day, :calls, :last_at)
ON CONFLICT (contract, version, client, day) DO UPDATE SET
    calls = contract_use.calls + excluded.calls,
    last_at = CASE WHEN excluded.last_at > contract_use.last_at THEN excluded.last_at
                   ELSE contract_use.last_at END;

-- Who called which version of a contract: in the days since `since_day`, and when last at all.
-- name: contract_uses
-- read: scan
SELECT version, client, MAX(last_at) AS last_at,
       CAST(SUM(CASE WHEN day >= :since_day THEN calls ELSE 0 END) AS BIGINT) AS calls
FROM contract_use WHERE contract = :contract
GROUP BY version, client ORDER BY version, client;

-- The answer of an order that is done; only whoever holds the key in this very run may give it.
-- name: idempotency_settle
UPDATE idempotency SET reference = :reference, status = :status
WHERE scope = :scope AND idem_key = :idem_key AND status = 0 AND at = :at;

-- An order that made nothing, or whose process is gone, leaves its key free.
-- name: idempotency_release
DELETE FROM idempotency
WHERE scope = :scope AND idem_key = :idem_key AND status = 0 AND at = :at;

-- The messages of a contract after a place, the oldest first.
-- name: feed_page
-- read: scan
SELECT * FROM message
WHERE contract = :contract AND (created_at, message_id) > (:at, :after)
ORDER BY created_at, message_id LIMIT :limit;

-- How many there are from a moment up to a place: where it is more than were given out, some
-- were committed late. `recent` are those from a later moment on.
-- name: feed_seen
-- read: scan
SELECT COUNT(*) AS seen,
       CAST(COALESCE(SUM(CASE WHEN created_at >= :later THEN 1 ELSE 0 END), 0) AS BIGINT) AS recent
FROM message
WHERE contract = :contract AND created_at >= :since
  AND (created_at, message_id) <= (:at, :after);

-- A client has so many at most, and one to each URL and contract; no row affected = not so.
-- name: subscription_insert
INSERT INTO subscription (name, client, contract, major, url, title, network, keys, revision,
                          created_at, created_by, ended_at)
SELECT CAST(:name AS TEXT), CAST(:client AS TEXT), CAST(:contract AS TEXT),
       CAST(:major AS BIGINT), CAST(:url AS TEXT), CAST(:title AS TEXT), CAST(:network AS TEXT),
       CAST(:keys AS TEXT), 1, CAST(:at AS BIGINT), CAST(:created_by AS TEXT), 0
WHERE (SELECT COUNT(*) FROM subscription WHERE client = CAST(:client AS TEXT) AND ended_at = 0)
      < CAST(:most AS BIGINT)
  AND NOT EXISTS (SELECT 1 FROM subscription
                  WHERE client = CAST(:client AS TEXT) AND ended_at = 0
                    AND contract = CAST(:contract AS TEXT) AND url = CAST(:url AS TEXT));

-- name: subscription_rotate
UPDATE subscription SET keys = :keys, revision = revision + 1
WHERE name = :name AND revision = :revision AND ended_at = 0;

-- name: subscription_end
UPDATE subscription SET ended_at = :at, keys = :keys WHERE name = :name AND ended_at = 0;

-- name: subscriptions
-- read: scan
SELECT * FROM subscription ORDER BY created_at, name;
