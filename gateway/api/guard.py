"""The guard: whoever the door let in is asked, before a route runs, whether they may.

Every denial and every read of PHI goes on the audit record; a read only once it is written there.
"""

import logging
import re
from collections.abc import Collection
from typing import Any
from urllib.parse import unquote

import msgspec
from litestar import Request, Response
from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler

from gateway.access import (
    DENIED,
    Actor,
    Condition,
    Decision,
    Denials,
    Forbidden,
    Resource,
    Right,
    Unauthenticated,
    Verdict,
    authorize,
    conditions,
    depends_on_object,
    refusal,
)
from gateway.api.four_eyes import with_proposal
from gateway.api.problems import problem_of
from gateway.api.resources import bare, is_test, resource_of
from gateway.api.rules import Rule, rule_of
from gateway.api.services import HubRequest, Services
from gateway.api.trace import trace_of
from gateway.errors import HubError, UsageFault
from gateway.store import AuditEntry, Store, Unit

__all__ = [
    "KEY",
    "REASON",
    "Caller",
    "actor_of",
    "caller_of",
    "challenge",
    "forbidden",
    "guard",
    "may",
    "must_be_allowed",
    "note_denial",
    "reason_of",
    "sees",
    "sees_all",
    "unauthenticated",
]

log = logging.getLogger("remithub.api")

KEY = "remithub.caller"
"""Where the door puts who calls."""

REASON = "hub-reason"
"""The header of a reason: percent-encoded where it is not ASCII."""

_MAX_REASON = 500
_ID = re.compile(r"[a-z]{3}_[0-9a-f]{32}(@[0-9]{1,19})?")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]")
_MAY_DEPEND = (Verdict.ALLOW, Verdict.FOREIGN, Verdict.APPROVAL_NEEDED)
_NO_RULE = Rule(right=None)


class Caller(msgspec.Struct, kw_only=True):
    """Who sent this request, from where, and what was decided about it."""

    actor: Actor
    source: str
    decision: Decision = Decision(Verdict.DENY)


def caller_of(request: Any) -> Caller:
    """Return who sent a request, as the door found it."""
    found: Caller = request.scope[KEY]
    return found


def actor_of(request: HubRequest) -> str:
    """Return how the audit names whoever sent the request."""
    return caller_of(request).actor.id


async def guard(
    connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler
) -> None:
    """Litestar's guard of every route. Raises Forbidden, NotFound (another's object)."""
    scope: Any = connection.scope
    if scope["method"] == "OPTIONS":
        return  # says which methods there are, to whoever got past the door
    rule = rule_of(scope["method"], scope["path_template"])
    if rule is not None and rule.right is None:
        return
    caller, hub = caller_of(connection), connection.app.state.services
    right, reading = _asked(rule or _NO_RULE, connection)
    if rule is None or right is None:
        raise await _denied(
            connection.app, caller, Decision(Verdict.DENY), Right.SUBMIT, Resource(kind="route")
        )
    name = str(scope["path_params"].get(rule.parameter, "")) if rule.parameter else ""
    given = reason_of(connection)
    reason = given if reading else ""
    resource = bare(rule, hub, name)
    caller.decision = authorize(caller.actor, right, resource, reason=reason)
    looked_up = reading or depends_on_object(caller.actor, right)
    if looked_up and not rule.collection and caller.decision.verdict in _MAY_DEPEND:
        # Not before: whoever may see none of a kind must not learn which ones there are.
        resource = await resource_of(rule, hub, name, connection.query_params)
        caller.decision = authorize(caller.actor, right, resource, reason=reason)
    if caller.decision.verdict is Verdict.APPROVAL_NEEDED:
        caller.decision = await with_proposal(
            connection, caller.actor, right, resource, reason=given
        )
    if not caller.decision.allowed:
        raise await _denied(connection.app, caller, caller.decision, right, resource)
    if reading:
        detail = {"credential": caller.actor.credential, "source": caller.source}
        entry = AuditEntry(caller.actor.id, rule.reads, name, reason=reason, detail=detail)
        await hub.store.commit(Unit(audit=(entry,)))


def _asked(rule: Rule, connection: Any) -> tuple[Right | None, bool]:
    """Return the right that this request needs, and whether it reads PHI."""
    if rule.where is None:
        return rule.right, bool(rule.reads)
    name, value = rule.where
    given = connection.query_params.getall(name, [])
    return (rule.then, True) if value in given else (rule.right, False)


def reason_of(connection: Any) -> str:
    """Return the reason that came with a request. Raises UsageFault for one that is no text."""
    raw = connection.headers.get(REASON, "")
    if not raw:
        return ""
    given = unquote(raw).strip()
    if len(given) > _MAX_REASON or not raw.isascii() or _UNPRINTABLE.search(given):
        raise UsageFault(
            f"The reason is longer than {_MAX_REASON} characters, or has others than it may.",
            code="request_invalid",
            next_step="say it in a sentence.",
        )
    return given


async def must_be_allowed(
    request: HubRequest, right: Right, resource: Resource, *, reason: str = ""
) -> Decision:
    """Ask for a right that depends on the body. Raises Forbidden, NotFound; audits a denial."""
    caller = caller_of(request)
    decision = authorize(caller.actor, right, resource, reason=reason)
    if decision.verdict is Verdict.APPROVAL_NEEDED:
        decision = await with_proposal(
            request, caller.actor, right, resource, reason=reason_of(request)
        )
    if not decision.allowed:
        raise await _denied(request.app, caller, decision, right, resource)
    return decision


def may(request: HubRequest, *rights: Right) -> bool:
    """Return whether those may be done to whatever it is, without a further look."""
    actor = caller_of(request).actor
    return all(
        Condition.YES in conditions(actor, right)
        and (actor.scopes is None or right in actor.scopes)
        for right in rights
    )


def sees_all(request: HubRequest) -> bool:
    """Return whether a list need not be looked through for this actor."""
    return not caller_of(request).decision.limited


def sees(request: HubRequest, interfaces: Collection[str]) -> bool:
    """Return whether what belongs to those interfaces may stand in a list for this actor."""
    caller = caller_of(request)
    if not caller.decision.limited:
        return True
    hub: Services = request.app.state.services
    match caller.decision.condition:
        case Condition.OWN:
            return bool(caller.actor.interfaces & frozenset(interfaces))
        case Condition.TEST:
            return all(is_test(hub.bundle, interface) for interface in interfaces)
        case _:
            return False  # nothing is assigned to anybody yet


async def _denied(
    app: Any, caller: Caller, decision: Decision, right: Right, resource: Resource
) -> HubError:
    hub: Services = app.state.services
    detail = {
        "right": right.value,
        "verdict": decision.verdict.value,
        "credential": caller.actor.credential,
        "source": caller.source,
    }
    named = _known(hub, resource.id)
    entry = AuditEntry(caller.actor.id, DENIED, named, outcome="denied", detail=detail)
    await note_denial(hub.store, app.state["denials"], entry, caller.actor.id)
    if decision.verdict is Verdict.FOREIGN and not resource.id:
        decision = Decision(Verdict.DENY)
    return refusal(decision, right, resource.kind)


def _known(hub: Services, name: str) -> str:
    """Return a name that is an id of ours or stands in the configuration; another one may be
    anything that somebody typed, and is not written down."""
    bundle = hub.bundle
    ours = _ID.fullmatch(name) or name in bundle.sources or name in bundle.sinks
    return name if ours or name in bundle.config.clients else ""


async def note_denial(store: Store, denials: Denials, entry: AuditEntry, who: str) -> None:
    """Write a denial down, within the bounds of a flood. It stays a denial where that fails."""
    entries = denials.entries(entry, who)
    if not entries:
        return
    try:
        await store.commit(Unit(audit=entries))
    except HubError as fault:
        log.warning("A denial could not be put on the audit record: %s", fault.code)


def forbidden(request: Request[Any, Any, Any], error: Forbidden) -> Response[bytes]:
    """Answer 403, with what RFC 6750 (3.1) asks for where a scope is missing."""
    headers = {}
    if error.scope:
        headers["WWW-Authenticate"] = (
            f'Bearer realm="remithub", error="insufficient_scope", scope="{error.scope}"'
        )
    return problem_of(error, trace_of(request.scope)).response(headers)


def unauthenticated(request: Request[Any, Any, Any], error: Unauthenticated) -> Response[bytes]:
    """Answer 401 where a way in was tried and did not lead in."""
    headers = {"WWW-Authenticate": challenge(error.error)}
    return problem_of(error, trace_of(request.scope)).response(headers)


def challenge(error: str) -> str:
    """Return WWW-Authenticate (RFC 6750, 3): no error code where nothing was presented."""
    said = f', error="{error}"' if error else ""
    return f'Bearer realm="remithub"{said}'
