"""`POST /v1/contracts/{name}/versions/{version}/STEP`: the steps of a version's life, by two people.

One person proposes (`Hub-Proposal: new`), another carries it out (`Hub-Proposal: ID`): both names
stand in `contract.yaml`. On the hub's own machine, where there is one token, a step is only
proposed, and carried out where somebody else has proposed the same.
"""

from functools import partial
from typing import Annotated

import msgspec
from litestar import post
from litestar.params import FromPath
from litestar.status_codes import HTTP_200_OK
from msgspec import Meta

from gateway.api.bodies import read_body
from gateway.api.conditional import must_match, tag_of, tagged
from gateway.api.contracts import VersionView, named_by, version_of, version_view
from gateway.api.four_eyes import proposer_of
from gateway.api.guard import caller_of
from gateway.api.services import HubRequest, services
from gateway.api.versions import Versions, recorded_usage
from gateway.governance.lifecycle import Actor, Facts, Permission, Status, approve, propose
from gateway.registry import ProposedStep, VersionRecord, Waived
from gateway.store import AuditEntry

__all__ = ["ROUTES", "STEPS", "StepOrder"]

_MAY = frozenset(Permission)
"""Whether they may has been decided by the table of rights."""

_Day = Annotated[str, Meta(pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ].{5,25})?)?$")]


class CallsWaived(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why calls need not be looked at, and until which day that holds."""

    reason: Annotated[str, Meta(min_length=1, max_length=100)]
    until: _Day


class StepOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a step needs: to deprecate, a successor and a day of sunset; to retire without looking
    at calls, a waiver. `reason` is for the audit."""

    successor: Annotated[str, Meta(max_length=20, pattern=r"^[0-9.]*$")] = ""
    sunset_at: _Day = ""
    waiver: CallsWaived | None = None
    reason: Annotated[str, Meta(max_length=500)] = ""


async def _take(request: HubRequest, name: str, version: str, to: Status) -> VersionView:
    """Take a step, or propose it. Raises NotFound, PreconditionRequired, PreconditionFailed,
    GateClosed (409)."""
    hub = services(request)
    order = await read_body(request, StepOrder)
    found = version_of(hub, name, version)
    must_match(request, tag_of(version_view(found)))
    waiver = Waived(reason=order.waiver.reason, until=order.waiver.until) if order.waiver else None
    step = ProposedStep(
        to=to, by="", at="", successor=order.successor, sunset_at=order.sunset_at, waiver=waiver
    )
    counted: Versions = request.app.state["versions"]
    await counted.write()
    actor, proposer = caller_of(request).actor.id, proposer_of(request)
    changed = await hub.contract_step(
        found,
        to,
        partial(_decided, step, proposer, actor),
        known=await named_by(hub, name),
        usage=await recorded_usage(hub.store, name, hub.ports.clock.now()),
        audit=AuditEntry(
            actor,
            f"contract.{to}",
            found.identity,
            order.reason,
            detail={"proposed_by": proposer} if proposer else {},
        ),
    )
    view = version_view(changed)
    tagged(request, tag_of(view))
    return view


def _decided(
    step: ProposedStep, proposer: str, actor: str, record: VersionRecord, facts: Facts
) -> VersionRecord:
    if proposer:
        record = propose(record, step, Actor(proposer, _MAY), facts)
    elif not _waits(record, step, actor):
        return propose(record, step, Actor(actor, _MAY), facts)
    return approve(record, Actor(actor, _MAY), facts)


def _waits(record: VersionRecord, step: ProposedStep, actor: str) -> bool:
    """Tell whether somebody else has proposed just that."""
    waiting = record.proposed
    if waiting is None or waiting.by == actor:
        return False
    return msgspec.structs.replace(waiting, by="", at="") == step


@post(
    "/v1/contracts/{name:str}/versions/{version:str}/activate",
    status_code=HTTP_200_OK,
    summary="Put a draft in force",
    tags=["contracts"],
)
async def activate(
    request: HubRequest, name: FromPath[str], version: FromPath[str]
) -> VersionView:
    """Make a draft active: it passes lint, examples and rules, breaks no version in force and no
    consumer, and a new major has migrations."""
    return await _take(request, name, version, Status.ACTIVE)


@post(
    "/v1/contracts/{name:str}/versions/{version:str}/deprecate",
    status_code=HTTP_200_OK,
    summary="Announce the end of a version",
    tags=["contracts"],
)
async def deprecate(
    request: HubRequest, name: FromPath[str], version: FromPath[str]
) -> VersionView:
    """Announce successor and sunset, which every answer then carries; or put the sunset off."""
    return await _take(request, name, version, Status.DEPRECATED)


@post(
    "/v1/contracts/{name:str}/versions/{version:str}/sunset",
    status_code=HTTP_200_OK,
    summary="Give a version to nobody new",
    tags=["contracts"],
)
async def sunset(request: HubRequest, name: FromPath[str], version: FromPath[str]) -> VersionView:
    """From the day announced: who has used it goes on, others get 410."""
    return await _take(request, name, version, Status.SUNSET)


@post(
    "/v1/contracts/{name:str}/versions/{version:str}/retire",
    status_code=HTTP_200_OK,
    summary="End a version",
    tags=["contracts"],
)
async def retire(request: HubRequest, name: FromPath[str], version: FromPath[str]) -> VersionView:
    """Serve it to nobody any more: nobody names it, and nobody has called it for 30 days."""
    return await _take(request, name, version, Status.RETIRED)


@post(
    "/v1/contracts/{name:str}/versions/{version:str}/withdraw",
    status_code=HTTP_200_OK,
    summary="Give up a draft",
    tags=["contracts"],
)
async def withdraw(
    request: HubRequest, name: FromPath[str], version: FromPath[str]
) -> VersionView:
    """Give up a draft that nobody names."""
    return await _take(request, name, version, Status.WITHDRAWN)


STEPS = tuple(
    f"/v1/contracts/{{name}}/versions/{{version}}/{step}"
    for step in ("activate", "deprecate", "sunset", "retire", "withdraw")
)
"""Their paths."""

ROUTES = (activate, deprecate, sunset, retire, withdraw)
