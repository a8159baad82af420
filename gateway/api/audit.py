"""`/v1/audit`: who did what, for whoever may read it, and whether the record holds."""

import asyncio
from typing import Annotated

import msgspec
from litestar import get
from litestar.params import QueryParameter

from gateway.api.services import HubRequest, services
from gateway.errors import TryAgain
from gateway.health import Chain, audit_page, verify_chains
from gateway.store import Row

__all__ = ["ROUTES"]

Limit = Annotated[int, QueryParameter(ge=1, le=1000, description="Entries of one answer.")]
Object = Annotated[
    str, QueryParameter(name="object", description="Only what is about this id or name.")
]
Before = Annotated[
    str,
    QueryParameter(pattern="^[A-Za-z0-9_-]*$", description="What `next` of the page before said."),
]


class AuditRow(msgspec.Struct, frozen=True, kw_only=True):
    """One entry; `reason` is a person's own words. `hash` covers it and the one before it."""

    writer: str
    seq: int
    at: int
    actor: str
    action: str
    object_id: str
    reason: str
    outcome: str
    detail: dict[str, str]
    hash: str


class AuditPage(msgspec.Struct, frozen=True, kw_only=True):
    """Entries, the newest first; `next` goes into `before` for the page after, "" at the end."""

    entries: list[AuditRow]
    next: str


class AuditVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether every writer's chain holds, and each chain."""

    holds: bool
    chains: list[Chain]


@get("/v1/audit", summary="Who did what", tags=["audit"])
async def list_audit(
    request: HubRequest, about: Object = "", before: Before = "", limit: Limit = 100
) -> AuditPage:
    """Return the record, the newest entry first. That it was read is on it, too."""
    store = services(request).store
    if about:
        rows = await store.fetch("audit_tail", object_id=about, limit=limit)
        return AuditPage(entries=[_entry(row) for row in rows], next="")
    rows, more = await audit_page(store, before, limit)
    return AuditPage(entries=[_entry(row) for row in rows], next=more)


@get("/v1/audit/verification", summary="Whether the record holds", tags=["audit"])
async def verify_audit(request: HubRequest) -> AuditVerdict:
    """Verify every chain from its first entry on. What was cut off at the end shows only where the
    last hash is compared with one that was kept elsewhere."""
    one_at_a_time: asyncio.Semaphore = request.app.state["verifying"]
    if one_at_a_time.locked():
        raise TryAgain("The record is being verified already.", retry_after_seconds=5)
    async with one_at_a_time:
        chains = await verify_chains(services(request).store)
    return AuditVerdict(holds=not any(chain.broken_at for chain in chains), chains=chains)


def _entry(row: Row) -> AuditRow:
    plain = {name: row[name] for name in AuditRow.__struct_fields__ if name != "detail"}
    return AuditRow(**plain, detail=msgspec.json.decode(row["detail"], type=dict[str, str]))


ROUTES = (list_audit, verify_audit)
