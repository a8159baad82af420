"""A stored message as it goes out: in the version that is meant, masked, as a CloudEvent."""

from decimal import Decimal
from typing import Any

import msgspec

from gateway.api.conversion import converted
from gateway.api.guard import actor_of
from gateway.api.negotiation import Meant
from gateway.api.services import HubRequest, Services, services
from gateway.governance.cloudevents import Event, encode_binary, encode_structured
from gateway.governance.envelope import Occurrence, event_attributes, facts_of
from gateway.store import AuditEntry, Row, Unit

__all__ = ["Outgoing", "outgoing", "put_on_record"]

_EXACT = msgspec.json.Decoder(float_hook=Decimal)


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """A document and what its event says of it."""

    attributes: dict[str, str]
    document: dict[str, Any]

    def structured(self) -> bytes:
        """Return the event as one JSON object."""
        return encode_structured(self._event())

    def binary(self) -> tuple[dict[str, str], bytes]:
        """Return the event as headers and the bare document."""
        headers, body = encode_binary(self._event())
        headers.pop("content-type", None)
        return headers, body

    def plain(self) -> dict[str, Any]:
        """Return the event as JSON is made of."""
        return {**self.attributes, "data": self.document}

    def _event(self) -> Event:
        return Event(attributes={**self.attributes}, data=self.document)


async def outgoing(hub: Services, row: Row, meant: Meant, *, full: bool) -> Outgoing:
    """Read a message's document and return it in that version. Raises Reject
    (`contract_not_convertible`)."""
    stored = hub.catalogue.version(row["contract"], row["version"])
    wanted = meant.version
    contract = hub.contract(wanted.name, wanted.version)
    document = _EXACT.decode(await hub.store.body(row["message_id"]))
    document = converted(hub.catalogue, document, stored, wanted.version)
    return Outgoing(
        attributes=event_attributes(facts_of(contract.event, _occurrence(hub, row))),
        document=document if full else contract.mask.mask(document),
    )


async def put_on_record(request: HubRequest, what: str, count: int) -> None:
    """Put a read of PHI that a product allows on the audit record, before anything is shown."""
    detail = {"messages": str(count), "by": "product"}
    entry = AuditEntry(actor_of(request), "message.read", what, detail=detail)
    await services(request).store.commit(Unit(audit=(entry,)))


def _occurrence(hub: Services, row: Row) -> Occurrence:
    return Occurrence(
        message_id=row["message_id"],
        source=f"//hub/{hub.bundle.tenant}/{row['interface']}",
        at=row["created_at"],
        correlation=row["correlation"] or "",
        cause_id=row["cause_id"] or "",
        trace=row["trace"] or "",
    )
