"""What clients have made at the API: subscriptions, with their keys sealed."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
# Bytes decide the order on every engine, and no locale's upgrade breaks an index.
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _text(name: str, *, key: bool = False) -> sa.Column[str]:
    return sa.Column(name, _TEXT, primary_key=key, nullable=False)


def _int(name: str) -> sa.Column[int]:
    return sa.Column(name, _INTEGER, nullable=False)


def upgrade() -> None:
    """One row a subscription, for ever: what it was owed at its end stays known as its own."""
    op.create_table(
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
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
