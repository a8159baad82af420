"""Several processes on one database: nodes with leases, shared breakers, marks of written groups."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _int(name: str) -> sa.Column[int]:
    return sa.Column(name, _INTEGER, nullable=False, server_default=sa.text("0"))


def upgrade() -> None:
    """Lanes belong to nodes, whose leases are renewed in one row each."""
    op.create_table(
        "node",
        sa.Column("name", sa.Text, primary_key=True, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("started_at", _INTEGER, nullable=False),
        sa.Column("lease_until", _INTEGER, nullable=False),
        sa.Column("bundle", sa.Text, nullable=False),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "writer",
        sa.Column("name", sa.Text, primary_key=True, nullable=False),
        sa.Column("group_id", sa.Text, nullable=False),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.add_column("lane", _int("asked"))
    op.drop_column("lane", "lease_until")
    op.add_column("destination", _int("open_until"))
    op.add_column("destination", _int("opened"))
    op.create_index("lane_owner", "lane", ["owner"])
    op.create_index("retry_correlation", "retry", ["correlation", "state"])
