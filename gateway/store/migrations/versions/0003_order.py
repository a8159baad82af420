"""Ordering keys are looked up one by one where too many of a lane are blocked."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Find what a key has set aside without reading the lane."""
    op.create_index("retry_order", "retry", ["lane_id", "order_key", "state"])
