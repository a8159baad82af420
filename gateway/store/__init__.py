"""Durable state: one interface, SQLite or PostgreSQL behind it; migrations; encryption of bodies."""

from gateway.store.audit import GENESIS_HASH, verify_chain
from gateway.store.interface import (
    CHUNK_BYTES,
    PostgresSettings,
    Store,
    StoreSettings,
    StoreStats,
    WriterShape,
)
from gateway.store.keys import BACKUP_NOTICE, KeyRing
from gateway.store.memory import keep_large_blocks
from gateway.store.opening import open_store
from gateway.store.space import Room, Space
from gateway.store.units import (
    AuditEntry,
    Body,
    Committed,
    Row,
    Statement,
    StoreUnavailable,
    Unit,
    UnitConflict,
)

__all__ = [
    "BACKUP_NOTICE",
    "CHUNK_BYTES",
    "GENESIS_HASH",
    "AuditEntry",
    "Body",
    "Committed",
    "KeyRing",
    "PostgresSettings",
    "Room",
    "Row",
    "Space",
    "Statement",
    "Store",
    "StoreSettings",
    "StoreStats",
    "StoreUnavailable",
    "Unit",
    "UnitConflict",
    "WriterShape",
    "keep_large_blocks",
    "open_store",
    "verify_chain",
]
