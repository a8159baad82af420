"""What both engines say of what they read: the key's check, bodies, sealed reasons."""

from gateway.errors import StorageFault
from gateway.store.audit import reason_place
from gateway.store.keys import KeyRing
from gateway.store.units import Row

__all__ = [
    "KEY_CHECK",
    "body_damaged",
    "body_incomplete",
    "body_missing",
    "key_check",
    "must_be_the_key",
    "opened_reasons",
]

KEY_CHECK = "key_check"
"""The key in `hub` under which a database keeps what only its own key file opens."""

_KEY_CHECK_TEXT = b"remithub"
_AUDIT_FOR_PEOPLE = frozenset({"audit_tail", "audit_before"})


def key_check(keys: KeyRing) -> str:
    """Return the value that a database without bodies learns."""
    return keys.seal_small(KEY_CHECK, _KEY_CHECK_TEXT).hex()


def must_be_the_key(keys: KeyRing, value: str) -> None:
    """Raise StorageFault (`wrong_key`) for a key that did not seal this database."""
    try:
        keys.open_small(KEY_CHECK, bytes.fromhex(value))
    except (StorageFault, ValueError):
        raise StorageFault(
            "The key file is not the one this database was sealed with.",
            code="wrong_key",
            next_step="put back the key file that belongs to it; nothing was changed.",
        ) from None


def opened_reasons(rows: list[Row], query: str, keys: KeyRing) -> list[Row]:
    """Open the reasons of audit rows that are for people; a chain is verified as it stands."""
    if query not in _AUDIT_FOR_PEOPLE:
        return rows
    return [
        row | {"reason": keys.open_reason(reason_place(row["writer"], row["seq"]), row["reason"])}
        for row in rows
    ]


def body_missing(body_id: str) -> StorageFault:
    """Return the fault of a body that is not there."""
    return StorageFault(f"The store has no body {body_id}.", code="body_missing")


def body_incomplete(body_id: str, chunk: int) -> StorageFault:
    """Return the fault of a body without its last chunk."""
    return StorageFault(
        f"Body {body_id} ends before its last chunk, at chunk {chunk}.",
        code="body_damaged",
        next_step="hand the item over again, or restore the body from a backup.",
    )


def body_damaged(body_id: str, chunk: int) -> StorageFault:
    """Return the fault of a chunk that does not open."""
    return StorageFault(
        f"Chunk {chunk} of body {body_id} does not verify.",
        code="body_damaged",
        next_step="restore it from a backup; other bodies are not affected.",
    )
