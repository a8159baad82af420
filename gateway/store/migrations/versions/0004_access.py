"""Who may reach the API: keys of systems, sessions of people, sign-ins that are under way."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
# Bytes decide the order on every engine, and no locale's upgrade breaks an index.
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _text(name: str, *, key: bool = False) -> sa.Column[str]:
    return sa.Column(name, _TEXT, primary_key=key, nullable=False)


def _int(name: str) -> sa.Column[int]:
    return sa.Column(name, _INTEGER, nullable=False)


def upgrade() -> None:
    """Secrets are kept as hashes only; a key or session that has ended stays on record."""
    op.create_table(
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
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
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
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "sign_in",
        _text("state_hash", key=True),
        _text("nonce"),
        _text("verifier"),
        _text("browser_hash"),
        _text("return_to"),
        _int("expires_at"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
