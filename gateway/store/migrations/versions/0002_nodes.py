"""Several processes on one database: nodes with leases, shared breakers, marks of written groups."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
# Bytes decide the order on every engine, and no locale's upgrade breaks an index.
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _int(name: str) -> sa.Column[int]:
    return sa.Column(name, _INTEGER, nullable=False, server_default=sa.text("0"))


def upgrade() -> None:
    """Lanes belong to nodes, whose leases are renewed in one row each."""
    op.create_table(
        "node",
        sa.Column("name", _TEXT, primary_key=True, nullable=False),
        sa.Column("role", _TEXT, nullable=False),
        sa.Column("started_at", _INTEGER, nullable=False),
        sa.Column("lease_until", _INTEGER, nullable=False),
        sa.Column("bundle", _TEXT, nullable=False),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "writer",
        sa.Column("name", _TEXT, primary_key=True, nullable=False),
        sa.Column("group_id", _TEXT, nullable=False),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.add_column("lane", _int("asked"))
    op.drop_column("lane", "lease_until")
    op.add_column("destination", _int("open_until"))
    op.add_column("destination", _int("opened"))
    op.create_index("lane_owner", "lane", ["owner"])
    op.create_index("retry_correlation", "retry", ["correlation", "state"])
