"""What the API shows of stored rows: structs with money as decimal text, and how rows become them.

Times are milliseconds since the epoch, 0 for never; amounts are None where there is none.
"""

from enum import StrEnum
from typing import Any

import msgspec

from gateway.delivery import Aside
from gateway.model.finding import Finding
from gateway.model.money import decimal_text
from gateway.store import Row

__all__ = [
    "ArtifactView",
    "AsideView",
    "AttemptView",
    "DeliveryState",
    "DeliveryView",
    "GroupView",
    "MessageRow",
    "PartView",
    "aside_view",
    "attempt_view",
    "group_view",
    "message_row",
    "money",
    "part_view",
]


def money(cents: int | None) -> str | None:
    """Write cents as decimal text, None where there is no amount."""
    return None if cents is None else decimal_text(cents)


class DeliveryState(StrEnum):
    """How far something owed is."""

    OWED = "owed"
    WAITING = "waiting"
    CONFIRMING = "confirming"
    PARKED = "parked"
    HELD = "held"
    DEAD = "dead"
    DONE = "done"
    DISCARDED = "discarded"


class AttemptView(msgspec.Struct, frozen=True, kw_only=True):
    """One try. `reply_id` is the message its answer became; `part_offset` is -1 for the whole."""

    number: int
    generation: int
    at: int
    took_ms: int
    outcome: str
    failure: str
    code: str
    detail: str
    external_id: str
    reply_id: str
    part_offset: int


class DeliveryView(msgspec.Struct, frozen=True, kw_only=True):
    """One thing owed to one destination, or an artifact owed to its interface's processing."""

    delivery_id: str
    item_id: str
    state: DeliveryState
    interface: str
    route: str
    owed_at: int
    due_at: int
    generation: int
    code: str
    external_id: str
    attempts: list[AttemptView]


class PartView(msgspec.Struct, frozen=True, kw_only=True):
    """One business document of an artifact. `set_aside_id` is what a person acts on."""

    offset: int
    length: int
    ordinal: int
    state: str
    code: str
    contract: str
    message_id: str
    payment_key: str
    amount: str | None
    claims_paid: str | None
    adjustments: str | None
    findings: list[Finding]
    set_aside_id: str
    at: int


class ArtifactView(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes in custody and what became of them. `next_after` asks for the further parts."""

    artifact_id: str
    interface: str
    sha256: str
    occurrence: int
    size: int
    received_at: int
    media_type: str
    bundle: str
    processing: DeliveryView | None
    parts: list[PartView]
    next_after: int | None


class MessageRow(msgspec.Struct, frozen=True, kw_only=True):
    """A message without its data. `routed` counts the destinations it was owed to."""

    message_id: str
    contract: str
    version: str
    revision: int
    interface: str
    artifact_id: str
    part_offset: int
    cause_id: str
    correlation: str
    amount: str | None
    created_at: int
    routed: int


class AsideView(msgspec.Struct, frozen=True, kw_only=True):
    """One thing set aside. `group` is the error's fingerprint."""

    id: str
    state: str
    kind: str
    interface: str
    item_id: str
    code: str
    detail: str
    failure: str
    group: str
    attempts: int
    generation: int
    amount: str | None
    correlation: str
    since: int
    due_at: int


class GroupView(msgspec.Struct, frozen=True, kw_only=True):
    """Everything set aside at one interface in one state for one reason."""

    group: str
    state: str
    interface: str
    code: str
    count: int
    amount: str
    oldest_since: int


def _texts(row: Row, *names: str) -> dict[str, Any]:
    return {name: row[name] or "" for name in names}


def attempt_view(row: Row) -> AttemptView:
    """Return an attempt's row as it is shown."""
    texts = _texts(row, "failure", "code", "detail", "external_id", "reply_id")
    plain = ("number", "generation", "at", "took_ms", "outcome", "part_offset")
    return AttemptView(**texts, **{name: row[name] for name in plain})


def part_view(row: Row, delivery_id: str) -> PartView:
    """Return a part's row as it is shown; a held or dead one names what a person acts on."""
    waits = row["state"] in ("held", "dead") and delivery_id
    return PartView(
        offset=row["part_offset"],
        length=row["length"],
        ordinal=row["ordinal"],
        state=row["state"],
        **_texts(row, "code", "contract", "message_id", "payment_key"),
        amount=money(row["amount_cents"]),
        claims_paid=money(row["claims_paid_cents"]),
        adjustments=money(row["adjustments_cents"]),
        findings=msgspec.json.decode(row["findings"] or "[]", type=list[Finding]),
        set_aside_id=f"{delivery_id}@{row['part_offset']}" if waits else "",
        at=row["at"],
    )


def message_row(row: Row) -> MessageRow:
    """Return a message's row as it is shown."""
    plain = ("message_id", "contract", "version", "revision", "interface", "created_at", "routed")
    return MessageRow(
        **{name: row[name] for name in plain},
        **_texts(row, "artifact_id", "cause_id", "correlation"),
        part_offset=-1 if row["part_offset"] is None else row["part_offset"],
        amount=money(row["amount_cents"]),
    )


def aside_view(aside: Aside) -> AsideView:
    """Return one thing set aside as it is shown."""
    same = set(AsideView.__struct_fields__) - {"group", "amount", "state", "kind"}
    return AsideView(
        **{name: getattr(aside, name) for name in same},
        state=aside.state.value,
        kind=aside.kind.value,
        group=aside.fingerprint,
        amount=money(aside.amount_cents),
    )


def group_view(row: Row) -> GroupView:
    """Return a group's row as it is shown."""
    return GroupView(
        group=row["fingerprint"],
        **{name: row[name] for name in ("state", "interface", "count", "oldest_since")},
        code=row["code"] or "",
        amount=decimal_text(row["amount_cents"]),
    )
