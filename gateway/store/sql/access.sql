-- Keys of systems, sessions of people, sign-ins under way.

-- Two live keys a client at most; no row affected = there are two already.
-- name: api_key_insert
INSERT INTO api_key (key_id, client, secret_hash, scopes, label, created_at, created_by,
                     expires_at, revoked_at, used_at)
SELECT CAST(:key_id AS TEXT), CAST(:client AS TEXT), CAST(:secret_hash AS TEXT),
       CAST(:scopes AS TEXT), CAST(:label AS TEXT), CAST(:at AS BIGINT),
       CAST(:created_by AS TEXT), CAST(:expires_at AS BIGINT), 0, 0
WHERE (SELECT COUNT(*) FROM api_key WHERE client = CAST(:client AS TEXT) AND revoked_at = 0
         AND expires_at > CAST(:at AS BIGINT)) < 2;

-- Shortens a key's life: at once, or at the end of a rotation.
-- name: api_key_end
UPDATE api_key SET expires_at = :until WHERE key_id = :key_id AND expires_at > :until
  AND revoked_at = 0;

-- name: api_key_revoke
UPDATE api_key SET revoked_at = :at WHERE key_id = :key_id AND revoked_at = 0;

-- name: api_key_used
UPDATE api_key SET used_at = :at WHERE key_id = :key_id AND used_at < :at;

-- name: api_key_get
-- read: point
SELECT * FROM api_key WHERE key_id = :key_id;

-- name: api_keys
-- read: scan
-- optional: client
SELECT * FROM api_key WHERE (client = :client OR :client IS NULL)
ORDER BY client, created_at, key_id LIMIT 10000;

-- name: session_insert
INSERT INTO session (session_hash, subject, roles, token_hash, created_at, seen_at, expires_at,
                     revoked_at)
VALUES (:session_hash, :subject, :roles, :token_hash, :at, :at, :expires_at, 0);

-- name: session_seen
UPDATE session SET seen_at = :at WHERE session_hash = :session_hash AND seen_at < :at
  AND revoked_at = 0;

-- name: session_revoke
UPDATE session SET revoked_at = :at WHERE session_hash = :session_hash AND revoked_at = 0;

-- name: sessions_revoke_subject
UPDATE session SET revoked_at = :at WHERE subject = :subject AND revoked_at = 0;

-- name: session_forget
DELETE FROM session WHERE expires_at < :before;

-- name: session_get
-- read: point
SELECT * FROM session WHERE session_hash = :session_hash;

-- name: sessions_of
-- read: scan
-- optional: subject
SELECT session_hash, subject, roles, created_at, seen_at, expires_at, revoked_at FROM session
WHERE (subject = :subject OR :subject IS NULL) ORDER BY created_at DESC LIMIT 1000;

-- name: sign_in_insert
INSERT INTO sign_in (state_hash, nonce, verifier, browser_hash, return_to, expires_at)
VALUES (:state_hash, :nonce, :verifier, :browser_hash, :return_to, :expires_at);

-- Whoever deletes it has it: a state serves once.
-- name: sign_in_take
DELETE FROM sign_in WHERE state_hash = :state_hash;

-- name: sign_in_forget
DELETE FROM sign_in WHERE expires_at < :before;

-- name: sign_in_get
-- read: point
SELECT * FROM sign_in WHERE state_hash = :state_hash;

-- name: proposal_insert
INSERT INTO proposal (proposal_id, asked, method, path, body_hash, proposed_by, decided_by, state,
                      created_at, expires_at)
VALUES (:proposal_id, :asked, :method, :path, :body_hash, :proposed_by, '', 'open', :at,
        :expires_at);

-- Moves on only from the state that was seen: of two that decide or use it at once one does.
-- name: proposal_move
UPDATE proposal SET state = :state, decided_by = :decided_by
WHERE proposal_id = :proposal_id AND state = :was AND expires_at > :at;

-- name: proposal_get
-- read: point
SELECT * FROM proposal WHERE proposal_id = :proposal_id;

-- name: proposals_open
-- read: scan
SELECT * FROM proposal WHERE state IN ('open', 'approved') AND expires_at > :at
ORDER BY created_at, proposal_id LIMIT 1000;
