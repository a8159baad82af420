"""What connected systems use of the API: shared quotas, pinned versions, calls per version."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
# Bytes decide the order on every engine, and no locale's upgrade breaks an index.
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _text(name: str, *, key: bool = False) -> sa.Column[str]:
    return sa.Column(name, _TEXT, primary_key=key, nullable=False)


def _int(name: str, *, key: bool = False) -> sa.Column[int]:
    return sa.Column(name, _INTEGER, primary_key=key, nullable=False, autoincrement=False)


def upgrade() -> None:
    """Small tables: a row per client and policy, per client and major, per version and day."""
    op.create_table(
        "quota",
        _text("client", key=True),
        _text("policy", key=True),
        _int("window_at"),
        _int("used"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "contract_pin",
        _text("client", key=True),
        _text("contract", key=True),
        _int("major", key=True),
        _text("version"),
        _int("at"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "contract_use",
        _text("contract", key=True),
        _text("version", key=True),
        _text("client", key=True),
        _int("day", key=True),
        _int("calls"),
        _int("last_at"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
