"""Which problems a route can answer with, by its shape: what the OpenAPI document lists per route."""

from collections.abc import Callable, Iterator
from enum import StrEnum

import msgspec

from gateway.api.problems import PROBLEMS

__all__ = ["Body", "Shape", "problems_of"]

INTERNAL = 500


class Body(StrEnum):
    """What a route reads beside its address."""

    NONE = "none"
    ORDER = "order"
    """A small JSON object: what to do, and why."""
    FILE = "file"
    """Bytes of any kind."""
    DOCUMENT = "document"
    """A document of a contract."""
    SIGNED = "signed"
    """Bytes that their sender has signed."""


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """What a route looks like from outside. `replaces`: it changes what is there, under
    If-Match; `named`: the path has a name in it; `asks`: it has
    query parameters, `follows`: one of them names what to go on after; `guarded`: it needs
    credentials; `recorded`: reading it is put on record; `keyed`: it makes something, and
    understands an Idempotency-Key; `proposed`: some may do it only with another person."""

    path: str
    unsafe: bool
    replaces: bool = False
    named: bool = False
    asks: bool = False
    follows: bool = False
    guarded: bool = True
    recorded: bool = False
    keyed: bool = False
    proposed: bool = False
    body: Body = Body.NONE

    @property
    def intake(self) -> bool:
        """Whether it takes custody of something."""
        return self.body in (Body.FILE, Body.DOCUMENT, Body.SIGNED)

    @property
    def writes(self) -> bool:
        """Whether an answer needs room in the store first."""
        return self.unsafe or self.recorded


Rule = Callable[[Shape], bool]


def _never(_: Shape) -> bool:
    return False


def _intake(shape: Shape) -> bool:
    return shape.intake


def _keyed(shape: Shape) -> bool:
    return shape.keyed


def _signed(shape: Shape) -> bool:
    return shape.body is Body.SIGNED


def _once(shape: Shape) -> bool:
    return shape.keyed or _signed(shape)


def _event(shape: Shape) -> bool:
    return _document(shape) or _signed(shape)


def _document(shape: Shape) -> bool:
    return shape.body is Body.DOCUMENT


def _body(shape: Shape) -> bool:
    return shape.body is not Body.NONE


def _asked(shape: Shape) -> bool:
    return shape.asks or shape.named or _body(shape)


def _guarded(shape: Shape) -> bool:
    return shape.guarded


def _unsafe(shape: Shape) -> bool:
    return shape.unsafe


def _replaces(shape: Shape) -> bool:
    return shape.replaces


def _at(*starts: str) -> Rule:
    """Return the rule of what belongs to some paths only."""
    return lambda shape: shape.path.startswith(starts)


def _version(shape: Shape) -> bool:
    """A document of a contract goes in or out, in the version that is asked for."""
    return shape.body is Body.DOCUMENT or shape.path.startswith(("/v1/messages/", "/v1/feeds/"))


def _ready(shape: Shape) -> bool:
    return shape.intake or shape.path == "/readyz"


_BY_CODE: dict[str, Rule] = {
    "idempotency_key_invalid": _keyed,
    "idempotency_in_flight": _once,
    "idempotency_payload_differs": _once,
    "webhook_malformed": _signed,
    "webhook_unverified": _signed,
    "event_batch": _event,
    "event_format": _event,
    "event_invalid": _event,
    "event_without_data": _event,
    "message_rejected": lambda shape: shape.intake or shape.path.endswith("/compatibility"),
    "hub_behind": _intake,
    "media_type_unsupported": _intake,
    "idempotency_key_missing": lambda shape: shape.intake and not _signed(shape),
    "version_not_supported": _document,
    "version_not_acceptable": _version,
    "contract_version_retired": lambda shape: _version(shape) or shape.path == "/v1/subscriptions",
    "contract_not_convertible": _version,
    "subscription_exists": _at("/v1/subscriptions"),
    "subscription_in_file": _at("/v1/subscriptions"),
    "subscription_limit": _at("/v1/subscriptions"),
    "subscription_url_refused": _at("/v1/subscriptions"),
    "contract_gate_closed": lambda shape: shape.replaces and "/versions/" in shape.path,
    "key_limit": _at("/v1/clients/"),
    "break_glass_disabled": _at("/auth/break-glass"),
    "break_glass_locked": _at("/auth/break-glass"),
    "contract_violated": _document,
    "document_too_large": _event,
    "config_invalid": _at("/v1/reload", "/v1/subscriptions"),
    "not_ready": _ready,
    "disk_low": _ready,
    "disk_full": lambda shape: shape.writes or shape.path == "/readyz",
    "not_found": lambda shape: shape.named or shape.follows or _body(shape),
}
"""The codes that say more than their status does."""

_BY_STATUS: dict[int, Rule] = {
    400: _asked,
    401: lambda shape: shape.guarded or shape.path.startswith("/auth/"),
    403: _guarded,
    404: lambda shape: shape.named,
    405: _never,  # it is the answer to other methods than the one described
    406: _guarded,
    408: _body,
    409: _unsafe,
    410: _document,
    411: _body,
    412: lambda shape: shape.replaces or shape.intake,
    413: _body,
    415: _body,
    422: _document,
    428: _replaces,
    429: _guarded,
    507: lambda shape: shape.writes,
}
"""The rest goes by its status, so that a code new in the table of problems appears by itself."""


def problems_of(shape: Shape) -> dict[int, list[str]]:
    """Return the codes of the problems such a route can answer with, by HTTP status."""
    found: dict[int, list[str]] = {}
    for status, code in sorted(_codes(shape)):
        found.setdefault(status, []).append(code)
    return found


def _codes(shape: Shape) -> Iterator[tuple[int, str]]:
    for code, row in PROBLEMS.items():
        rule = _BY_CODE.get(code) or _BY_STATUS.get(row.status)
        # A fault of the hub or its surroundings can meet any request that asks them for something.
        possible = rule(shape) if rule else row.status >= INTERNAL and shape.path != "/healthz"
        if possible:
            yield row.status, code
