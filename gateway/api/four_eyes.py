"""Four eyes at the door: a request that needs another person is proposed, approved, then sent again.

`Hub-Proposal: new` with a request that is refused for that reason keeps it as a proposal (202).
`Hub-Proposal: ID` with the same request, byte for byte, carries the proposal out, once: it is used
up by the request it lets through, whatever becomes of that.
"""

import hashlib
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.status_codes import HTTP_202_ACCEPTED

from gateway.access import (
    Actor,
    Decision,
    ProposalFacts,
    Proposals,
    Resource,
    Right,
    Verdict,
    Wanted,
    authorize,
)

__all__ = ["HEADER", "Proposed", "proposed", "proposer_of", "with_proposal"]

HEADER = "hub-proposal"

_NEW = "new"
_USED = "remithub.proposal"


class Proposed(Exception):
    """The request was kept as a proposal; it ends here."""

    def __init__(self, facts: ProposalFacts) -> None:
        super().__init__(facts.proposal_id)
        self.facts = facts


async def with_proposal(
    request: Any, actor: Actor, right: Right, resource: Resource, *, reason: str
) -> Decision:
    """Decide again with what another person has proposed or approved.

    Raises Proposed where the request is kept as a proposal; NotFound, Conflict (`proposal_over`,
    `proposal_differs`). A proposal is used up only by a request that it lets through.
    """
    given = request.headers.get(HEADER, "")
    refused = Decision(Verdict.APPROVAL_NEEDED)
    if not given:
        return refused
    proposals: Proposals = request.app.state["proposals"]
    wanted = await _wanted(request)
    if given == _NEW:
        raise Proposed(await proposals.propose(actor, right, wanted, reason=reason))
    known: ProposalFacts | None = request.scope.get(_USED)
    facts = known or await proposals.about(given, wanted)
    seen = msgspec.structs.replace(
        resource, proposed_by=facts.proposed_by, approved_by=facts.decided_by
    )
    decision = authorize(actor, right, seen, reason=reason)
    if decision.allowed and known is None:
        await proposals.use(actor, facts)
        request.scope[_USED] = facts
    return decision


def proposer_of(request: Any) -> str:
    """Return who proposed what this request carries out; "" where nobody had to."""
    used: ProposalFacts | None = request.scope.get(_USED)
    return used.proposed_by if used else ""


async def _wanted(request: Any) -> Wanted:
    query = request.scope["query_string"].decode("latin-1")
    path = request.scope["path"] + (f"?{query}" if query else "")
    digest = hashlib.sha256(await request.body()).hexdigest()
    return Wanted(method=request.scope["method"], path=path, body_hash=digest)


def proposed(_request: Request[Any, Any, Any], kept: Proposed) -> Response[ProposalFacts]:
    """Answer 202: somebody else decides."""
    return Response(
        kept.facts,
        status_code=HTTP_202_ACCEPTED,
        headers={"Location": "/v1/proposals"},
    )
