"""Whether an actor may do something to something: one pure function over one table."""

from enum import StrEnum
from functools import lru_cache

import msgspec

from gateway.access.actor import Actor, ActorKind, Duty
from gateway.access.rights import Condition, Right, condition_of

__all__ = ["Decision", "Resource", "Verdict", "authorize", "conditions", "depends_on_object"]


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """What something is done to, as far as a decision needs it.

    `interfaces` are those it came by or goes to. `owner` is the client or person it is about.
    `collection` is a list: where only own or assigned things may be seen, the decision says so
    and the route leaves out the others.
    """

    kind: str
    id: str = ""
    tenant: str = ""
    interfaces: frozenset[str] = frozenset()
    owner: str = ""
    assignees: frozenset[str] = frozenset()
    proposed_by: str = ""
    approved_by: str = ""
    phi: bool = False
    test: bool = False
    collection: bool = False


class Verdict(StrEnum):
    """How a question ends."""

    ALLOW = "allow"
    REASON_NEEDED = "reason_required"
    APPROVAL_NEEDED = "approval_required"
    OUT_OF_SCOPE = "insufficient_scope"
    FOREIGN = "foreign"
    """The role may do it, but not to this one: answered as if it were not there."""
    DENY = "forbidden"


class Decision(msgspec.Struct, frozen=True):
    """The verdict, and the condition it rests on."""

    verdict: Verdict
    condition: Condition = Condition.NO

    @property
    def allowed(self) -> bool:
        """Whether it may be done."""
        return self.verdict is Verdict.ALLOW

    @property
    def limited(self) -> bool:
        """Whether, of a list, only what fits the condition may be shown."""
        return self.condition in _OF_THE_OBJECT


_OF_THE_OBJECT = frozenset(
    {Condition.OWN, Condition.TEST, Condition.ASSIGNED, Condition.NOT_OWN, Condition.APPROVE}
)
_ORDER = tuple(Verdict)
_DENY = Decision(Verdict.DENY)


def conditions(actor: Actor, right: Right) -> frozenset[Condition]:
    """Return the cells of all the actor's roles in the row of that right."""
    return _cells(actor.duties, right)


@lru_cache(maxsize=4096)
def _cells(duties: frozenset[Duty], right: Right) -> frozenset[Condition]:
    return frozenset(condition_of(duty, right) for duty in duties)


def depends_on_object(actor: Actor, right: Right) -> bool:
    """Whether the answer depends on which object it is; else none need be looked up."""
    found = conditions(actor, right)
    return Condition.YES not in found and bool(found & _OF_THE_OBJECT)


def authorize(actor: Actor, right: Right, resource: Resource, *, reason: str = "") -> Decision:
    """Decide. The most generous of the actor's roles counts, but NEVER goes before all.

    Deny by default; another tenant's things are foreign to everybody; a scope only narrows.
    """
    found = conditions(actor, right)
    if Condition.NEVER in found:
        return Decision(Verdict.DENY, Condition.NEVER)
    if resource.tenant and resource.tenant != actor.tenant:
        return Decision(Verdict.FOREIGN)
    decisions = [_judge(condition, actor, resource, reason) for condition in sorted(found)]
    best = min(decisions, key=lambda d: (_ORDER.index(d.verdict), d.limited), default=_DENY)
    if best.verdict is Verdict.DENY:
        return best
    if actor.scopes is not None and right not in actor.scopes:
        return Decision(Verdict.OUT_OF_SCOPE, best.condition)
    return best


def _judge(condition: Condition, actor: Actor, resource: Resource, reason: str) -> Decision:
    return Decision(_verdict(condition, actor, resource, reason), condition)


def _verdict(condition: Condition, actor: Actor, resource: Resource, reason: str) -> Verdict:
    match condition:
        case Condition.NEVER | Condition.NO:
            return Verdict.DENY
        case Condition.YES:
            return Verdict.ALLOW
        case Condition.REASON:
            return Verdict.ALLOW if reason.strip() else Verdict.REASON_NEEDED
        case Condition.PROPOSE:
            return Verdict.APPROVAL_NEEDED
        case Condition.APPROVE:
            return _given(resource.proposed_by, actor)
        case Condition.APPROVAL:
            return _given(resource.approved_by, actor)
        case Condition.OWN | Condition.TEST | Condition.ASSIGNED | Condition.NOT_OWN:
            fits = resource.collection or _fits(condition, actor, resource)
            return Verdict.ALLOW if fits else Verdict.FOREIGN


def _given(by: str, actor: Actor) -> Verdict:
    """Somebody else has proposed or approved it, a person: nobody decides over their own."""
    return Verdict.ALLOW if by and by != actor.id else Verdict.APPROVAL_NEEDED


def _fits(condition: Condition, actor: Actor, resource: Resource) -> bool:
    match condition:
        case Condition.OWN:
            own_client = actor.client != "" and resource.owner == actor.client
            return own_client or bool(actor.interfaces & resource.interfaces)
        case Condition.TEST:
            return resource.test
        case Condition.ASSIGNED:
            return actor.kind is ActorKind.PERSON and actor.id in resource.assignees
        case Condition.NOT_OWN:
            return resource.owner not in {actor.id, actor.client or actor.id}
        case _:
            return False
