"""Migrations of the store: alembic, from the first version on."""

__all__ = ["HEAD_REVISION"]

HEAD_REVISION = "0007"
"""The newest file in `versions/`: a database at this version opens without loading alembic."""
