"""Which right every route asks for, and what it is asked about: one row a route, deny by default.

A route without a row fails `test_authorization_matrix.py` and is refused to everybody.
"""

import re
from enum import StrEnum
from functools import lru_cache

import msgspec

from gateway.access import Right

__all__ = ["RULES", "Kind", "Rule", "methods_of", "rule_of"]


class Kind(StrEnum):
    """What a route is about; it decides where the object's interfaces are found."""

    HUB = "hub"
    CATALOGUE = "catalogue"
    INTERFACE = "interface"
    CONTRACT = "contract"
    MESSAGE = "message"
    ARTIFACT = "artifact"
    DELIVERY = "delivery"
    ASIDE = "thing set aside"
    ORDER = "order"
    CLIENT = "client"
    KEY = "key"
    SESSION = "session"
    PROPOSAL = "proposal"
    SUBSCRIPTION = "subscription"


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One row. `right` None: open to everybody, or where it is `signed` to whoever the route
    finds in the signature.

    `parameter` is the path's that names the object. `collection`: a list, of which a limited
    actor sees its own. `reads` names the audit entry of a read of PHI; with `where`, only under
    that query, and `then` is the right for it. `further` are rights the route itself asks for,
    because they depend on the body.
    """

    right: Right | None
    kind: Kind = Kind.HUB
    parameter: str = ""
    collection: bool = False
    reads: str = ""
    where: tuple[str, str] | None = None
    then: Right | None = None
    further: tuple[Right, ...] = ()
    signed: bool = False


def _of(right: Right, kind: Kind, parameter: str) -> Rule:
    return Rule(right=right, kind=kind, parameter=parameter)


_OPEN = Rule(right=None)
_SIGNED = Rule(right=None, kind=Kind.INTERFACE, parameter="interface", signed=True)
_SUBMIT = Right.SUBMIT
_SEE = Right.MESSAGE_READ
_PAGES = Rule(right=Right.CATALOGUE_READ, kind=Kind.CATALOGUE, collection=True)
_HUB = Rule(right=Right.HEALTH_READ)
_OPERATE = _of(Right.OPERATE, Kind.INTERFACE, "name")
_LIST = Rule(right=_SEE, kind=Kind.MESSAGE, collection=True)
_ASIDES = Rule(right=_SEE, kind=Kind.ASIDE, collection=True)
_SUBSCRIPTIONS = Rule(right=Right.SUBSCRIBE, kind=Kind.SUBSCRIPTION, collection=True)
_SUBSCRIPTION = "/v1/subscriptions/{subscription}"
_SUBSCRIBER = _of(Right.SUBSCRIBE, Kind.SUBSCRIPTION, "subscription")
_MANY = (Right.RETRY_MANY, Right.FORCE)


def _act(right: Right, *further: Right) -> Rule:
    return Rule(right=right, kind=Kind.ASIDE, collection=True, further=further)


RULES: dict[tuple[str, str], Rule] = {
    ("GET", "/healthz"): _OPEN,
    ("GET", "/readyz"): _OPEN,
    ("GET", "/metrics"): Rule(right=Right.HEALTH_READ),
    ("POST", "/v1/reload"): Rule(right=Right.CONFIG_REHEARSE, further=(Right.CONFIG_RELOAD,)),
    ("GET", "/problems/{code}"): _PAGES,
    ("GET", "/schema"): _PAGES,
    ("GET", "/schema/openapi.json"): _PAGES,
    ("GET", "/schema/{path}"): _PAGES,
    ("GET", "/v1/interfaces"): Rule(right=Right.HEALTH_READ, kind=Kind.INTERFACE, collection=True),
    ("GET", "/v1/interfaces/{name}"): _of(Right.HEALTH_READ, Kind.INTERFACE, "name"),
    ("POST", "/v1/interfaces/{name}/pause"): _OPERATE,
    ("POST", "/v1/interfaces/{name}/resume"): _OPERATE,
    ("POST", "/v1/interfaces/{name}/poll"): _OPERATE,
    ("POST", "/v1/interfaces/{name}/check"): _OPERATE,
    ("POST", "/v1/interfaces/{name}/files"): _of(_SUBMIT, Kind.INTERFACE, "name"),
    ("POST", "/v1/messages/{contract}"): _of(_SUBMIT, Kind.CONTRACT, "contract"),
    ("POST", "/v1/webhooks/{interface}"): _SIGNED,
    ("GET", "/v1/messages"): _LIST,
    ("GET", "/v1/messages/{message_id}"): Rule(
        right=_SEE,
        kind=Kind.MESSAGE,
        parameter="message_id",
        reads="message.read",
        where=("data", "full"),
        then=Right.PHI_REVEAL,
    ),
    ("GET", "/v1/feeds/{contract}"): _LIST,
    ("GET", "/v1/feeds/{contract}/events"): _LIST,
    ("GET", "/v1/subscriptions"): _SUBSCRIPTIONS,
    ("POST", "/v1/subscriptions"): _SUBSCRIPTIONS,
    ("GET", _SUBSCRIPTION): _SUBSCRIBER,
    ("POST", f"{_SUBSCRIPTION}/rotate"): _SUBSCRIBER,
    ("POST", f"{_SUBSCRIPTION}/test"): _SUBSCRIBER,
    ("POST", f"{_SUBSCRIPTION}/disable"): _SUBSCRIBER,
    ("POST", f"{_SUBSCRIPTION}/enable"): _SUBSCRIBER,
    ("POST", f"{_SUBSCRIPTION}/end"): _SUBSCRIBER,
    ("GET", "/v1/contracts"): _PAGES,
    ("GET", "/v1/contracts/{name}"): _PAGES,
    ("GET", "/v1/contracts/{name}/versions/{version}"): _PAGES,
    ("GET", "/v1/contracts/{name}/versions/{version}/referencedby"): _HUB,
    ("GET", "/v1/contracts/{name}/usage"): _HUB,
    ("POST", "/v1/contracts/{name}/compatibility"): _PAGES,
    **{
        ("POST", f"/v1/contracts/{{name}}/versions/{{version}}/{step}"): Rule(
            right=Right.CONFIG_CHANGE
        )
        for step in ("activate", "deprecate", "sunset", "retire", "withdraw")
    },
    ("GET", "/v1/artifacts/{artifact_id}"): _of(_SEE, Kind.ARTIFACT, "artifact_id"),
    ("GET", "/v1/artifacts/{artifact_id}/content"): Rule(
        right=Right.PHI_REVEAL,
        kind=Kind.ARTIFACT,
        parameter="artifact_id",
        reads="artifact.read",
    ),
    ("GET", "/v1/deliveries/{delivery_id}"): _of(_SEE, Kind.DELIVERY, "delivery_id"),
    ("GET", "/v1/set-aside"): _ASIDES,
    ("GET", "/v1/set-aside/groups"): _ASIDES,
    ("GET", "/v1/set-aside/{aside_id}"): _of(_SEE, Kind.ASIDE, "aside_id"),
    ("POST", "/v1/set-aside/replay"): _act(Right.RETRY, *_MANY),
    ("POST", "/v1/set-aside/park"): _act(Right.RETRY, Right.RETRY_MANY),
    ("POST", "/v1/set-aside/release"): _act(Right.RESOLVE, Right.RETRY_MANY),
    ("POST", "/v1/set-aside/confirm"): _act(Right.FORCE, Right.RETRY_MANY),
    ("POST", "/v1/set-aside/discard"): _act(Right.DISCARD),
    ("GET", "/v1/set-aside/orders/{order_id}"): _of(Right.RETRY, Kind.ORDER, "order_id"),
    ("POST", "/v1/set-aside/orders/{order_id}/cancel"): _of(Right.RETRY, Kind.ORDER, "order_id"),
    ("GET", "/v1/clients"): Rule(right=Right.ACCESS_READ, kind=Kind.CLIENT, collection=True),
    ("GET", "/v1/keys"): Rule(right=Right.ACCESS_READ, kind=Kind.KEY, collection=True),
    ("POST", "/v1/clients/{client}/keys"): _of(Right.ACCESS_MANAGE, Kind.CLIENT, "client"),
    ("POST", "/v1/clients/{client}/keys/rotate"): _of(Right.ACCESS_MANAGE, Kind.CLIENT, "client"),
    ("GET", "/auth/login"): _OPEN,
    ("GET", "/auth/callback"): _OPEN,
    ("POST", "/auth/break-glass"): _OPEN,
    ("POST", "/auth/logout"): _OPEN,
    ("POST", "/v1/break-glass/allow"): Rule(right=Right.ACCESS_MANAGE, kind=Kind.HUB),
    ("GET", "/v1/audit"): Rule(right=Right.AUDIT_READ, collection=True, reads="audit.read"),
    ("GET", "/v1/audit/verification"): Rule(right=Right.AUDIT_VERIFY),
    ("GET", "/v1/proposals"): Rule(right=Right.PROPOSAL_READ, kind=Kind.PROPOSAL, collection=True),
    ("POST", "/v1/proposals/{proposal_id}/decide"): _of(
        Right.PROPOSAL_DECIDE, Kind.PROPOSAL, "proposal_id"
    ),
    ("GET", "/v1/session"): Rule(right=Right.OWN_SESSION, kind=Kind.SESSION),
    ("POST", "/v1/session/end"): Rule(right=Right.OWN_SESSION, kind=Kind.SESSION),
    ("GET", "/v1/sessions"): Rule(right=Right.ACCESS_READ, kind=Kind.SESSION, collection=True),
    ("POST", "/v1/sessions/end"): Rule(right=Right.ACCESS_MANAGE, kind=Kind.SESSION),
    ("POST", "/v1/sessions/{session_name}/end"): _of(
        Right.ACCESS_MANAGE, Kind.SESSION, "session_name"
    ),
    ("POST", "/v1/keys/{key_id}/revoke"): _of(Right.ACCESS_MANAGE, Kind.KEY, "key_id"),
}
"""(method, path as the router writes it) -> rule."""


_PARAMETER = re.compile(r"\{[^}]*\}")


def _shape(path: str) -> str:
    """Two routes that differ in method and in their parameter's name share the router's node,
    which knows one name only."""
    return _PARAMETER.sub("{}", path)


_BY_SHAPE = {(method, _shape(path)): rule for (method, path), rule in RULES.items()}


def methods_of(path: str) -> set[str]:
    """Return the methods of a path as the router writes it."""
    return {method for method, shape in _BY_SHAPE if shape == _shape(path)}


@lru_cache(maxsize=1024)
def rule_of(method: str, path: str) -> Rule | None:
    """Return the rule of a route, by its method and its path as the router writes it."""
    return _BY_SHAPE.get((method, _shape(path)))
