"""The tables, as SQLAlchemy Core metadata: what migrations are compared with.

Types are portable: times are integer milliseconds since the epoch, UTC; money is integer cents.
On SQLite every table is STRICT, so that no float or text slips into a number. Only migrations
and tests import this module; the hub's own statements are in `sql/`.
"""

import sqlalchemy as sa

__all__ = ["metadata"]

metadata = sa.MetaData()

_INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
# Bytes decide the order on every engine, and no locale's upgrade breaks an index.
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _text(name: str, *, key: bool = False) -> sa.Column[str]:
    return sa.Column(name, _TEXT, primary_key=key, nullable=False)


def _text_or_null(name: str) -> sa.Column[str]:
    return sa.Column(name, _TEXT, nullable=True)


def _int(name: str, *, key: bool = False, default: str | None = None) -> sa.Column[int]:
    return sa.Column(
        name,
        _INTEGER,
        primary_key=key,
        nullable=False,
        autoincrement=False,
        server_default=None if default is None else sa.text(default),
    )


def _int_or_null(name: str) -> sa.Column[int]:
    return sa.Column(name, _INTEGER, nullable=True)


def _blob(name: str, *, nullable: bool = False) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary, nullable=nullable)


def _lane() -> sa.Column[int]:
    return sa.Column(
        "lane_id",
        _INTEGER,
        sa.ForeignKey("lane.lane_id"),
        primary_key=True,
        nullable=False,
        autoincrement=False,
    )


def _table(name: str, *items: sa.schema.SchemaItem, rowid: bool = False) -> sa.Table:
    return sa.Table(name, metadata, *items, sqlite_strict=True, sqlite_with_rowid=rowid)


# What came in and what was made of it.

_table(
    "artifact",
    _text("artifact_id", key=True),
    _text("interface"),
    _text("sha256"),
    _int("occurrence"),
    _int("size"),
    _int("received_at"),
    _text("bundle"),
    _text("body_id"),
    _text("media_type"),
    _blob("meta", nullable=True),
    sa.UniqueConstraint("interface", "sha256", "occurrence", name="artifact_identity"),
    sa.Index("artifact_received", "received_at"),
    rowid=True,
)
_table(
    "body",
    _text("body_id", key=True),
    _int("chunk", key=True),
    _int("last"),
    _blob("sealed"),
    rowid=True,
)
_table(
    "message",
    _text("message_id", key=True),
    _text("contract"),
    _text("version"),
    _int("revision"),
    _text_or_null("artifact_id"),
    _int_or_null("part_offset"),
    _text_or_null("cause_id"),
    _text("interface"),
    _text_or_null("correlation"),
    _int_or_null("amount_cents"),
    _int("created_at"),
    _int("routed"),
    _text("bundle"),
    _text_or_null("trace"),
    sa.Index("message_artifact", "artifact_id"),
    sa.Index("message_correlation", "correlation"),
    sa.Index("message_contract", "contract", "created_at"),
    sa.Index(
        "message_unrouted",
        "created_at",
        sqlite_where=sa.text("routed = 0"),
        postgresql_where=sa.text("routed = 0"),
    ),
    rowid=True,
)
_table(
    "part",
    sa.Column(
        "artifact_id",
        _TEXT,
        sa.ForeignKey("artifact.artifact_id"),
        primary_key=True,
        nullable=False,
    ),
    _int("revision", key=True),
    _int("part_offset", key=True),
    _int("length"),
    _int("ordinal"),
    _text("state"),
    _text_or_null("contract"),
    _text_or_null("message_id"),
    _text_or_null("payment_key"),
    _int_or_null("amount_cents"),
    _int_or_null("claims_paid_cents"),
    _int_or_null("adjustments_cents"),
    _text_or_null("code"),
    _text_or_null("findings"),
    _int("at"),
)
_table(
    "payment_seen",
    _text("payment_key", key=True),
    _text("artifact_id"),
    _int("part_offset"),
    _text_or_null("message_id"),
    _int("at"),
)
_table(
    "source_seen",
    _text("interface", key=True),
    _text("fingerprint", key=True),
    _text("artifact_id"),
    _int("at"),
)

# What is owed to whom, and how it went.

_table(
    "lane",
    sa.Column("lane_id", _INTEGER, primary_key=True, nullable=False),
    _text("name"),
    _text("kind"),
    _text_or_null("interface"),
    _text_or_null("destination"),
    _text_or_null("route"),
    _int("head", default="0"),
    _int("cursor", default="0"),
    _int("epoch", default="0"),
    sa.Column("owner", _TEXT, nullable=False, server_default=sa.text("''")),
    _int("asked", default="0"),
    sa.UniqueConstraint("name", name="lane_name"),
    sa.Index("lane_owner", "owner"),
    rowid=True,
)
_table(
    "destination",
    _text("name", key=True),
    _text("state"),
    _text_or_null("reason"),
    _int("since"),
    _text_or_null("detail"),
    _int("open_until", default="0"),
    _int("opened", default="0"),
)
_table(
    "owed",
    _lane(),
    _int("seq", key=True),
    _text("item_id"),
    _text("delivery_id"),
    _text_or_null("order_key"),
    _int("at"),
    sa.UniqueConstraint("delivery_id", name="owed_delivery"),
    sa.Index("owed_item", "item_id"),
)
_table(
    "attempt",
    _lane(),
    _int("seq", key=True),
    _int("part_offset", key=True),
    _int("number", key=True),
    _int("generation"),
    _int("at"),
    _int("took_ms"),
    _text("outcome"),
    _text_or_null("failure"),
    _text_or_null("code"),
    _text_or_null("detail"),
    _text_or_null("fingerprint"),
    _text_or_null("external_id"),
    _text_or_null("reply_id"),
    _int("epoch"),
)
_table(
    "started",
    _lane(),
    _int("seq", key=True),
    _int("generation", key=True),
    _int("number", key=True),
    _int("at"),
)
_table(
    "retry",
    _lane(),
    _int("seq", key=True),
    _int("part_offset", key=True),
    _text("state"),
    _int_or_null("due_at"),
    _int("attempts"),
    _int("generation"),
    _text_or_null("failure"),
    _text_or_null("code"),
    _text_or_null("detail"),
    _text_or_null("fingerprint"),
    _text_or_null("order_key"),
    _int("since"),
    _int_or_null("amount_cents"),
    _text_or_null("correlation"),
    sa.Index("retry_due", "lane_id", "state", "due_at"),
    sa.Index("retry_group", "state", "fingerprint"),
    sa.Index("retry_correlation", "correlation", "state"),
    sa.Index("retry_order", "lane_id", "order_key", "state"),
)

# Records of the hub itself.

_table(
    "node",
    _text("name", key=True),
    _text("role"),
    _int("started_at"),
    _int("lease_until"),
    _text("bundle"),
)
_table("writer", _text("name", key=True), _text("group_id"))

_table(
    "idempotency",
    _text("scope", key=True),
    _text("idem_key", key=True),
    _text("fingerprint"),
    _text_or_null("reference"),
    _int_or_null("status"),
    _int("at"),
    _int("expires_at"),
)
_table(
    "counter",
    _text("owner", key=True),
    _text("interface", key=True),
    _text("name", key=True),
    _int("value"),
)
_table(
    "audit",
    _text("writer", key=True),
    _int("seq", key=True),
    _int("at"),
    _text("actor"),
    _text("action"),
    _text("object_id"),
    _text("reason"),
    _text("outcome"),
    _text("detail"),
    _text("prev_hash"),
    _text("hash"),
    sa.Index("audit_object", "object_id"),
)
_table("bundle", _text("hash", key=True), _int("at"), _blob("body"), rowid=True)
_table("schedule_fire", _text("schedule", key=True), _int("fire_time", key=True))
_table("hub", _text("key", key=True), _text("value"))

# Who may reach the API.

_table(
    "api_key",
    _text("key_id", key=True),
    _text("client"),
    _text("secret_hash"),
    _text("scopes"),
    _text("label"),
    _int("created_at"),
    _text("created_by"),
    _int("expires_at"),
    _int("revoked_at"),
    _int("used_at"),
    sa.Index("api_key_client", "client"),
)
_table(
    "session",
    _text("session_hash", key=True),
    _text("subject"),
    _text("roles"),
    _text("token_hash"),
    _int("created_at"),
    _int("seen_at"),
    _int("expires_at"),
    _int("revoked_at"),
    sa.Index("session_subject", "subject"),
    sa.Index("session_expiry", "expires_at"),
)
_table(
    "sign_in",
    _text("state_hash", key=True),
    _text("nonce"),
    _text("verifier"),
    _text("browser_hash"),
    _text("return_to"),
    _int("expires_at"),
)

# What connected systems use of the API.

_table(
    "quota",
    _text("client", key=True),
    _text("policy", key=True),
    _int("window_at"),
    _int("used"),
)
_table(
    "contract_pin",
    _text("client", key=True),
    _text("contract", key=True),
    _int("major", key=True),
    _text("version"),
    _int("at"),
)
_table(
    "contract_use",
    _text("contract", key=True),
    _text("version", key=True),
    _text("client", key=True),
    _int("day", key=True),
    _int("calls"),
    _int("last_at"),
)
_table(
    "proposal",
    _text("proposal_id", key=True),
    _text("asked"),
    _text("method"),
    _text("path"),
    _text("body_hash"),
    _text("proposed_by"),
    _text("decided_by"),
    _text("state"),
    _int("created_at"),
    _int("expires_at"),
    sa.Index("proposal_state", "state", "expires_at"),
)
_table(
    "subscription",
    _text("name", key=True),
    _text("client"),
    _text("contract"),
    _int("major"),
    _text("url"),
    _text("title"),
    _text("network"),
    _text("keys"),
    _int("revision"),
    _int("created_at"),
    _text("created_by"),
    _int("ended_at"),
    sa.Index("subscription_client", "client", "ended_at"),
)
