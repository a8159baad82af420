"""`/v1/proposals`: what waits for another person, and their decision. See `gateway.api.guard`."""

from typing import Annotated

import msgspec
from litestar import get, post
from litestar.params import FromPath
from litestar.status_codes import HTTP_200_OK

from gateway.access import ProposalFacts, Proposals
from gateway.api.bodies import read_body
from gateway.api.guard import caller_of
from gateway.api.services import HubRequest

__all__ = ["ROUTES", "Verdict"]


class Verdict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The decision, and why; for the audit."""

    approve: bool
    reason: Annotated[str, msgspec.Meta(max_length=500)] = ""


@get("/v1/proposals", summary="What waits for another person", tags=["access"])
async def list_proposals(request: HubRequest) -> list[ProposalFacts]:
    """Return the proposals that are open, or approved and not yet carried out."""
    return await _proposals(request).list()


@post(
    "/v1/proposals/{proposal_id:str}/decide",
    status_code=HTTP_200_OK,
    summary="Approve or reject a proposal",
    tags=["access"],
)
async def decide(request: HubRequest, proposal_id: FromPath[str]) -> ProposalFacts:
    """Decide what somebody else has proposed; nobody decides their own, nor what their roles have
    no say in."""
    order = await read_body(request, Verdict)
    actor = caller_of(request).actor
    return await _proposals(request).decide(
        actor, proposal_id, approve=order.approve, reason=order.reason
    )


def _proposals(request: HubRequest) -> Proposals:
    found: Proposals = request.app.state["proposals"]
    return found


ROUTES = (list_proposals, decide)
