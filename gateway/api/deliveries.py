"""`/v1/deliveries/{id}`: what is owed to one destination, with every attempt."""

from litestar import get
from litestar.params import FromPath

from gateway.api.documents import DeliveryState, DeliveryView, attempt_view
from gateway.api.services import HubRequest, services
from gateway.errors import NotFound
from gateway.store import Row, Store

__all__ = ["ROUTES", "deliveries_of", "delivery_view"]

WHOLE = -1
"""The part offset of a row that stands for the whole item."""


@get("/v1/deliveries/{delivery_id:str}", summary="One delivery", tags=["messages"])
async def show_delivery(request: HubRequest, delivery_id: FromPath[str]) -> DeliveryView:
    """Return its state and its attempts, the first one first."""
    store = services(request).store
    rows = await store.fetch("owed_by_delivery_id", delivery_id=delivery_id)
    if not rows:
        raise NotFound("There is no such delivery.")
    return await delivery_view(rows[0], store)


async def deliveries_of(item_id: str, store: Store) -> list[DeliveryView]:
    """Return every delivery of a message, or the processing of an artifact."""
    rows = await store.fetch("owed_of_item", item_id=item_id)
    return [await delivery_view(row, store) for row in rows]


async def delivery_view(owed: Row, store: Store) -> DeliveryView:
    """Put together what is owed, what was tried, and what is set aside of it."""
    place = {"lane_id": owed["lane_id"], "seq": owed["seq"]}
    attempts = await store.fetch("attempts_of", **place)
    aside = await store.fetch("retries_of_item", **place)
    whole = next((row for row in aside if row["part_offset"] == WHOLE), None)
    tries = [row for row in attempts if row["part_offset"] == WHOLE]
    last = tries[-1] if tries else None
    return DeliveryView(
        delivery_id=owed["delivery_id"],
        item_id=owed["item_id"],
        state=_state(whole, last),
        interface=owed["interface"],
        route=owed["route"] or "",
        owed_at=owed["at"],
        due_at=(whole["due_at"] or 0) if whole else 0,
        generation=whole["generation"] if whole else (last["generation"] if last else 0),
        code=((whole or last or {}).get("code")) or "",
        external_id=(last["external_id"] or "") if last else "",
        attempts=[attempt_view(row) for row in attempts],
    )


def _state(aside: Row | None, last: Row | None) -> DeliveryState:
    """What is set aside says its state; else the last attempt does; else it is only owed."""
    if aside is not None:
        return DeliveryState(aside["state"])
    if last is not None and last["outcome"] in ("done", "discarded"):
        return DeliveryState(last["outcome"])
    return DeliveryState.OWED


ROUTES = (show_delivery,)
