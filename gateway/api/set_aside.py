"""`/v1/set-aside`: what waits for a person; replay, release, park and discard, one or many."""

from typing import Annotated

import msgspec
from litestar import get, post
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.status_codes import HTTP_200_OK

from gateway.api.bodies import read_body
from gateway.api.conditional import must_match, tag_of, tagged
from gateway.api.documents import (
    AsideView,
    AttemptView,
    GroupView,
    PartView,
    aside_view,
    attempt_view,
    group_view,
    part_view,
)
from gateway.api.guard import actor_of, sees
from gateway.api.order_rights import allowed_selection
from gateway.api.services import HubRequest, Services, services
from gateway.delivery import Action, Aside, Report, Selection
from gateway.errors import UsageFault
from gateway.model.money import decimal_text
from gateway.model.states import RetryState

__all__ = ["ROUTES", "Order"]

Limit = Annotated[int, QueryParameter(ge=1, le=1000, description="Entries of one answer.")]

State = Annotated[str, QueryParameter(name="state", description="Only this state.")]


class AsidePage(msgspec.Struct, frozen=True, kw_only=True):
    """What is set aside, in the order it was owed; `next` goes into `after`, "" at the end."""

    set_aside: list[AsideView]
    next: str


class AsideDetail(msgspec.Struct, frozen=True, kw_only=True):
    """One thing set aside, its attempts, and the part of the artifact that it is, if it is one."""

    set_aside: AsideView
    attempts: list[AttemptView]
    part: PartView | None


class Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which ones and how: by ids, or by group, state and interface, or `everything`. The same
    order again under the id that `order` gives it does nothing twice."""

    ids: tuple[str, ...] = ()
    group: str = ""
    state: RetryState | None = None
    interface: str = ""
    everything: bool = False
    reason: str = ""
    dry_run: bool = False
    order: Annotated[str, msgspec.Meta(max_length=100, pattern=r"^[A-Za-z0-9._:-]*$")] = ""


class ActionReport(msgspec.Struct, frozen=True, kw_only=True):
    """What an action did so far, or would do; `ids` are the first of them."""

    action: Action
    dry_run: bool
    count: int
    amount: str
    ids: tuple[str, ...]
    order: str
    cancelled: bool


@get("/v1/set-aside", summary="What is set aside", tags=["set aside"])
async def list_set_aside(
    request: HubRequest,
    in_state: State = "",
    interface: FromQuery[str] = "",
    group: FromQuery[str] = "",
    after: FromQuery[str] = "",
    limit: Limit = 100,
) -> AsidePage:
    """List dead letters, held parts, parked and waiting deliveries."""
    selection = Selection(fingerprint=group, state=_state(in_state), interface=interface)
    operator = services(request).operator
    found = await operator.find(selection, limit=limit + 1, after=after)
    page = found[:limit]
    more = page[-1].id if len(found) > limit else ""
    shown = [aside_view(aside) for aside in page if sees(request, {aside.interface})]
    return AsidePage(set_aside=shown, next=more)


@get("/v1/set-aside/groups", summary="The same, by reason", tags=["set aside"])
async def list_groups(
    request: HubRequest, in_state: State = "", interface: FromQuery[str] = ""
) -> list[GroupView]:
    """Count what is set aside by interface, state and error, with its money."""
    selection = Selection(state=_state(in_state), interface=interface)
    rows = await services(request).operator.groups(selection)
    return [group_view(row) for row in rows if sees(request, {row["interface"]})]


@get("/v1/set-aside/{aside_id:str}", summary="One of them", tags=["set aside"])
async def show_set_aside(request: HubRequest, aside_id: FromPath[str]) -> AsideDetail:
    """Return one thing set aside with its attempts, and findings and amounts where it is a part."""
    hub = services(request)
    aside, attempts = await hub.operator.show(aside_id)
    tagged(request, tag_of(aside_view(aside)))
    return AsideDetail(
        set_aside=aside_view(aside),
        attempts=[attempt_view(row) for row in attempts],
        part=await _part(hub, aside),
    )


async def _part(hub: Services, aside: Aside) -> PartView | None:
    if aside.part_offset < 0:
        return None
    rows = await hub.store.fetch(
        "parts_after",
        artifact_id=aside.item_id,
        revision=0,
        after_offset=aside.part_offset - 1,
        limit=1,
    )
    delivery = aside.id.partition("@")[0]
    return part_view(rows[0], delivery) if rows else None


async def _act(request: HubRequest, action: Action) -> ActionReport:
    order = await read_body(request, Order)
    selection = Selection(
        ids=order.ids,
        fingerprint=order.group,
        state=order.state,
        interface=order.interface,
        everything=order.everything,
    )
    selection = await allowed_selection(request, action, selection)
    if len(order.ids) == 1 and not order.dry_run:
        await _must_match(request, order.ids[0])
    report = await services(request).operator.act(
        action,
        selection,
        actor=actor_of(request),
        reason=order.reason,
        dry_run=order.dry_run,
        order_id=order.order,
    )
    return _report(report)


async def _must_match(request: HubRequest, aside_id: str) -> None:
    """An order over one thing says what that was when it was decided."""
    aside, _ = await services(request).operator.show(aside_id)
    must_match(request, tag_of(aside_view(aside)))


def _report(report: Report) -> ActionReport:
    return ActionReport(
        action=report.action,
        dry_run=report.dry_run,
        count=report.count,
        amount=decimal_text(report.amount_cents),
        ids=report.ids,
        order=report.order_id,
        cancelled=report.cancelled,
    )


def _state(text: str) -> RetryState | None:
    if not text:
        return None
    try:
        return RetryState(text)
    except ValueError:
        known = ", ".join(state.value for state in RetryState)
        raise UsageFault(f"There is no such state (there are: {known}).") from None


@post("/v1/set-aside/replay", status_code=HTTP_200_OK, summary="Try again", tags=["set aside"])
async def replay(request: HubRequest) -> ActionReport:
    """Try dead, parked or waiting ones again, now."""
    return await _act(request, Action.REPLAY)


@post("/v1/set-aside/release", status_code=HTTP_200_OK, summary="Let go", tags=["set aside"])
async def release(request: HubRequest) -> ActionReport:
    """Let held parts go in spite of what is suspect about them."""
    return await _act(request, Action.RELEASE)


@post("/v1/set-aside/park", status_code=HTTP_200_OK, summary="Keep", tags=["set aside"])
async def park(request: HubRequest) -> ActionReport:
    """Keep them from being tried until somebody says so."""
    return await _act(request, Action.PARK)


@post("/v1/set-aside/confirm", status_code=HTTP_200_OK, summary="It is there", tags=["set aside"])
async def confirm(request: HubRequest) -> ActionReport:
    """Settle deliveries whose effect a person has seen at the destination; with a reason."""
    return await _act(request, Action.CONFIRM)


@post("/v1/set-aside/discard", status_code=HTTP_200_OK, summary="Give up", tags=["set aside"])
async def discard(request: HubRequest) -> ActionReport:
    """Give them up for good, with a reason; they stay on record."""
    return await _act(request, Action.DISCARD)


@get("/v1/set-aside/orders/{order_id:str}", summary="How far an order is", tags=["set aside"])
async def show_order(request: HubRequest, order_id: FromPath[str]) -> ActionReport:
    """Return what an order that is being carried out has done so far."""
    return _report(services(request).operator.progress(order_id))


@post(
    "/v1/set-aside/orders/{order_id:str}/cancel",
    status_code=HTTP_200_OK,
    summary="Stop an order",
    tags=["set aside"],
)
async def cancel_order(request: HubRequest, order_id: FromPath[str]) -> ActionReport:
    """Stop an order between two batches; what it did stays done."""
    operator = services(request).operator
    operator.cancel(order_id)
    return _report(operator.progress(order_id))


ROUTES = (
    list_set_aside,
    list_groups,
    show_set_aside,
    replay,
    release,
    park,
    confirm,
    discard,
    show_order,
    cancel_order,
)
