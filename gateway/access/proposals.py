"""Four eyes: what one person proposes, and another approves or does. A proposal is one request."""

import msgspec

from gateway.access.actor import Actor, ActorKind
from gateway.access.authorize import Verdict, conditions
from gateway.access.refusals import Forbidden
from gateway.access.rights import Condition, Right
from gateway.errors import Conflict, NotFound
from gateway.ports import Ports
from gateway.store import AuditEntry, Row, Statement, Store, Unit, UnitConflict

__all__ = ["ProposalFacts", "Proposals", "Wanted"]

LIFE_MS = 7 * 24 * 3_600_000
"""For so long somebody may decide."""

_DECIDERS = {Condition.YES, Condition.APPROVE, Condition.APPROVAL}


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """The one request that a proposal is about; `body_hash` is the SHA-256 of its body."""

    method: str
    path: str
    body_hash: str


class ProposalFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A proposal; `right` is what its request needs, `decided_by` who approved it, "" for nobody.
    Times in milliseconds since the epoch."""

    proposal_id: str
    right: str
    method: str
    path: str
    body_hash: str
    proposed_by: str
    decided_by: str
    state: str
    created_at: int
    expires_at: int


class Proposals:
    """The proposals in the store: open, then approved or rejected, then used, once."""

    def __init__(self, store: Store, ports: Ports) -> None:
        self._store = store
        self._ports = ports

    def _now(self) -> int:
        return int(self._ports.clock.now().timestamp() * 1000)

    async def propose(
        self, actor: Actor, right: Right, wanted: Wanted, *, reason: str
    ) -> ProposalFacts:
        """Keep a request for somebody else to decide."""
        now = self._now()
        name = self._ports.ids.new("prp")
        row = {
            "proposal_id": name,
            "asked": right.value,
            "method": wanted.method,
            "path": wanted.path,
            "body_hash": wanted.body_hash,
            "proposed_by": actor.id,
            "at": now,
            "expires_at": now + LIFE_MS,
        }
        entry = AuditEntry(actor.id, "proposal.make", name, reason, detail={"right": right.value})
        insert = Statement("proposal_insert", row)
        await self._store.commit(Unit(statements=(insert,), audit=(entry,)))
        return await self.get(name)

    async def get(self, name: str) -> ProposalFacts:
        """Return a proposal. Raises NotFound."""
        rows = await self._store.fetch("proposal_get", proposal_id=name)
        if not rows:
            raise NotFound("There is no such proposal.")
        return _facts(rows[0])

    async def list(self) -> list[ProposalFacts]:
        """Return what waits: for a decision, or to be done."""
        return [_facts(row) for row in await self._store.fetch("proposals_open", at=self._now())]

    async def decide(
        self, actor: Actor, name: str, *, approve: bool, reason: str
    ) -> ProposalFacts:
        """Approve or reject what somebody else has proposed.

        Raises NotFound, Conflict (`proposal_over`), Forbidden (their own; none of their roles
        has a say in that right; no person).
        """
        found = await self.get(name)
        say = conditions(actor, Right(found.right)) & _DECIDERS
        if actor.kind is ActorKind.SYSTEM or not say or found.proposed_by == actor.id:
            raise Forbidden(
                "This is not yours to decide.",
                code=Verdict.APPROVAL_NEEDED.value,
                next_step="have somebody else decide it who has that right.",
            )
        state, said = (
            ("approved", "proposal.approve") if approve else ("rejected", "proposal.reject")
        )
        await self._move(found, state, "open", by=actor.id, said=said, reason=reason)
        return await self.get(name)

    async def about(self, name: str, wanted: Wanted) -> ProposalFacts:
        """Return a proposal that is about that request. Raises NotFound, Conflict
        (`proposal_differs`)."""
        found = await self.get(name)
        if (found.method, found.path, found.body_hash) != (
            wanted.method,
            wanted.path,
            wanted.body_hash,
        ):
            raise Conflict(
                "The proposal is about another request.",
                code="proposal_differs",
                next_step="send exactly what was proposed, or propose this.",
            )
        return found

    async def use(self, actor: Actor, found: ProposalFacts) -> None:
        """Use it up for its request. Raises Conflict (`proposal_over`)."""
        was = "approved" if found.decided_by else "open"
        by = found.decided_by or actor.id
        await self._move(found, "used", was, by=by, said="proposal.use", actor=actor.id)

    async def _move(
        self,
        found: ProposalFacts,
        state: str,
        was: str,
        *,
        by: str,
        said: str,
        reason: str = "",
        actor: str = "",
    ) -> None:
        move = {
            "proposal_id": found.proposal_id,
            "state": state,
            "was": was,
            "decided_by": by,
            "at": self._now(),
        }
        entry = AuditEntry(actor or by, said, found.proposal_id, reason)
        statement = Statement("proposal_move", move, expect=1)
        try:
            await self._store.commit(Unit(statements=(statement,), audit=(entry,)))
        except UnitConflict:
            raise Conflict(
                "The proposal was decided or used already, or its time is over.",
                code="proposal_over",
                next_step="propose it again.",
            ) from None


def _facts(row: Row) -> ProposalFacts:
    plain = {name: row[name] for name in ProposalFacts.__struct_fields__ if name != "right"}
    return ProposalFacts(right=row["asked"], **plain)
