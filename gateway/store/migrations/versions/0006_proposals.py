"""What one person proposes and another decides."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
# Bytes decide the order on every engine, and no locale's upgrade breaks an index.
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _text(name: str, *, key: bool = False) -> sa.Column[str]:
    return sa.Column(name, _TEXT, primary_key=key, nullable=False)


def _int(name: str) -> sa.Column[int]:
    return sa.Column(name, _INTEGER, nullable=False)


def upgrade() -> None:
    """A proposal is one request, known by its body's hash; it serves once."""
    op.create_table(
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
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
