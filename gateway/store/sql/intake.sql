-- Artifacts, bodies, messages, parts, and what was seen before.

-- name: artifact_insert
INSERT INTO artifact (artifact_id, interface, sha256, occurrence, size, received_at, bundle,
                      body_id, media_type, meta)
VALUES (:artifact_id, :interface, :sha256, :occurrence, :size, :received_at, :bundle,
        :body_id, :media_type, :meta)
ON CONFLICT DO NOTHING;

-- name: body_insert
INSERT INTO body (body_id, chunk, last, sealed) VALUES (:body_id, :chunk, :last, :sealed)
ON CONFLICT DO NOTHING;

-- name: body_delete
DELETE FROM body WHERE body_id = :body_id;

-- name: message_insert
INSERT INTO message (message_id, contract, version, revision, artifact_id, part_offset, cause_id,
                     interface, correlation, amount_cents, created_at, routed, bundle, trace)
VALUES (:message_id, :contract, :version, :revision, :artifact_id, :part_offset, :cause_id,
        :interface, :correlation, :amount_cents, :created_at, :routed, :bundle, :trace)
ON CONFLICT DO NOTHING;

-- name: part_insert
INSERT INTO part (artifact_id, revision, part_offset, length, ordinal, state, contract,
                  message_id, payment_key, amount_cents, claims_paid_cents, adjustments_cents,
                  code, findings, at)
VALUES (:artifact_id, :revision, :part_offset, :length, :ordinal, :state, :contract,
        :message_id, :payment_key, :amount_cents, :claims_paid_cents, :adjustments_cents,
        :code, :findings, :at)
ON CONFLICT DO NOTHING;

-- The same part judged again within one revision: a held part that was released or discarded.
-- name: part_replace
INSERT INTO part (artifact_id, revision, part_offset, length, ordinal, state, contract,
                  message_id, payment_key, amount_cents, claims_paid_cents, adjustments_cents,
                  code, findings, at)
VALUES (:artifact_id, :revision, :part_offset, :length, :ordinal, :state, :contract,
        :message_id, :payment_key, :amount_cents, :claims_paid_cents, :adjustments_cents,
        :code, :findings, :at)
ON CONFLICT (artifact_id, revision, part_offset) DO UPDATE SET
    length = excluded.length, ordinal = excluded.ordinal, state = excluded.state,
    contract = excluded.contract, message_id = excluded.message_id,
    payment_key = excluded.payment_key, amount_cents = excluded.amount_cents,
    claims_paid_cents = excluded.claims_paid_cents,
    adjustments_cents = excluded.adjustments_cents, code = excluded.code,
    findings = excluded.findings, at = excluded.at;

-- No row affected = seen before in another place; the same place may say it twice.
-- name: payment_seen_insert
INSERT INTO payment_seen (payment_key, artifact_id, part_offset, message_id, at)
VALUES (:payment_key, :artifact_id, :part_offset, :message_id, :at)
ON CONFLICT (payment_key) DO UPDATE SET at = payment_seen.at
WHERE payment_seen.artifact_id = excluded.artifact_id
  AND payment_seen.part_offset = excluded.part_offset;

-- No row affected = this offer was taken before as another artifact.
-- name: source_seen_insert
INSERT INTO source_seen (interface, fingerprint, artifact_id, at)
VALUES (:interface, :fingerprint, :artifact_id, :at)
ON CONFLICT (interface, fingerprint) DO UPDATE SET at = source_seen.at
WHERE source_seen.artifact_id = excluded.artifact_id;

-- name: artifact_by_id
-- read: point
SELECT * FROM artifact WHERE artifact_id = :artifact_id;

-- Every occurrence of the same bytes at one interface, the newest first.
-- name: artifact_by_hash
-- read: point
SELECT * FROM artifact WHERE interface = :interface AND sha256 = :sha256
ORDER BY occurrence DESC LIMIT 100;

-- name: artifacts
-- read: scan
-- optional: interface before
SELECT * FROM artifact
WHERE (interface = :interface OR :interface IS NULL)
  AND (received_at < :before OR :before IS NULL)
ORDER BY received_at DESC, artifact_id LIMIT :limit;

-- name: parts_of_artifact
-- read: scan
SELECT * FROM part WHERE artifact_id = :artifact_id ORDER BY revision, part_offset;

-- The parts of one revision behind an offset: where processing resumes after a crash.
-- name: parts_after
-- read: point
SELECT * FROM part
WHERE artifact_id = :artifact_id AND revision = :revision AND part_offset > :after_offset
ORDER BY part_offset LIMIT :limit;

-- name: message_by_id
-- read: point
SELECT * FROM message WHERE message_id = :message_id;

-- name: messages_of_artifact
-- read: scan
SELECT * FROM message WHERE artifact_id = :artifact_id ORDER BY revision, part_offset, message_id;

-- name: messages_by_correlation
-- read: point
SELECT * FROM message WHERE correlation = :correlation
ORDER BY created_at, message_id LIMIT 1000;

-- name: messages_of_contract
-- read: scan
-- optional: before
SELECT * FROM message
WHERE contract = :contract AND (created_at < :before OR :before IS NULL)
ORDER BY created_at DESC LIMIT :limit;

-- name: payment_seen
-- read: point
SELECT * FROM payment_seen WHERE payment_key = :payment_key;

-- name: source_seen
-- read: point
SELECT * FROM source_seen WHERE interface = :interface AND fingerprint = :fingerprint;

-- A person's decision on one part.
-- name: part_set_state
UPDATE part SET state = :state, at = :at
WHERE artifact_id = :artifact_id AND revision = :revision AND part_offset = :part_offset;

-- An upload that has spilled into chunks before its artifact is there, and when it began: after
-- a crash nobody would know those chunks otherwise.
-- name: upload_begin
INSERT INTO hub (key, value) VALUES ('upload:' || :body_id, CAST(CAST(:store_now AS BIGINT) AS TEXT)) ON CONFLICT (key) DO NOTHING;

-- Its chunks have an owner now; those of bytes that were here before have none.
-- name: upload_end
DELETE FROM hub WHERE key = 'upload:' || :body_id AND EXISTS (
    SELECT 1 FROM artifact WHERE artifact_id = :artifact_id AND body_id = :body_id);

-- name: upload_forget
DELETE FROM body WHERE body_id = :body_id;
DELETE FROM hub WHERE key = 'upload:' || :body_id;

-- name: uploads
-- read: scan
SELECT substr(key, 8) AS body_id, value AS begun_at FROM hub WHERE key LIKE 'upload:%' ORDER BY key LIMIT :limit;
