"""What the routes read and answer without the framework's help, in words for the OpenAPI document."""

from typing import Any

import msgspec

from gateway.access import COOKIE
from gateway.api.answers import Body
from gateway.api.contract_steps import STEPS, StepOrder
from gateway.api.credentials import KeyOrder, RevokeOrder, RotateOrder
from gateway.api.interfaces import Reason
from gateway.api.operations import ReloadOrder
from gateway.api.proposals import Verdict
from gateway.api.set_aside import Order
from gateway.api.sign_in import BreakGlassOrder, EndOrder, EndOwnOrder, EndPersonOrder
from gateway.api.subscribing import SubscriptionOrder
from gateway.api.subscriptions import RotationOrder
from gateway.delivery import Action
from gateway.governance.compat import CompatProfile, Mode
from gateway.model.states import RetryState

__all__ = [
    "ANSWERS",
    "BODIES",
    "BODILESS",
    "CHANGES",
    "FORMS",
    "HEADERS",
    "LINKS",
    "NEEDS_REASON",
    "OWN_QUESTIONS",
    "PARAMETERS",
    "QUESTIONS",
    "SECURITY",
    "SIGNATURE",
    "SIGNED",
    "TAGS",
    "Reading",
]


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a route: its kind, the struct it is read into, whether it must be there, and
    what must hold of it beside that struct."""

    kind: Body
    struct: type[msgspec.Struct] | None = None
    required: bool = False
    also: tuple[dict[str, Any], ...] = ()


def _given(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"required": [name], "properties": {name: schema}}


_WHICH = {
    "anyOf": [
        _given("ids", {"minItems": 1}),
        _given("group", {"minLength": 1}),
        _given("state", {"type": "string"}),
        _given("interface", {"minLength": 1}),
        _given("everything", {"const": True}),
    ]
}
_WHY = {"anyOf": [_given("reason", {"minLength": 1}), _given("dry_run", {"const": True})]}
NEEDS_REASON = (Action.CONFIRM, Action.DISCARD)
"""What is not done without a reason."""


def _order(action: Action) -> Reading:
    also = (_WHICH, _WHY) if action in NEEDS_REASON else (_WHICH,)
    return Reading(kind=Body.ORDER, struct=Order, required=True, also=also)


BODIES: dict[str, Reading] = {
    "/v1/interfaces/{name}/files": Reading(kind=Body.FILE, required=True),
    "/v1/messages/{contract}": Reading(kind=Body.DOCUMENT, required=True),
    "/v1/subscriptions": Reading(kind=Body.ORDER, struct=SubscriptionOrder, required=True),
    "/v1/subscriptions/{subscription}/rotate": Reading(kind=Body.ORDER, struct=RotationOrder),
    "/v1/subscriptions/{subscription}/disable": Reading(kind=Body.ORDER, struct=Reason),
    "/v1/webhooks/{interface}": Reading(kind=Body.SIGNED, required=True),
    "/v1/interfaces/{name}/pause": Reading(kind=Body.ORDER, struct=Reason),
    "/v1/contracts/{name}/compatibility": Reading(kind=Body.ORDER, required=True),
    **dict.fromkeys(STEPS, Reading(kind=Body.ORDER, struct=StepOrder)),
    "/v1/reload": Reading(kind=Body.ORDER, struct=ReloadOrder),
    **{f"/v1/set-aside/{action}": _order(action) for action in Action},
    "/v1/clients/{client}/keys": Reading(kind=Body.ORDER, struct=KeyOrder),
    "/v1/clients/{client}/keys/rotate": Reading(kind=Body.ORDER, struct=RotateOrder),
    "/v1/keys/{key_id}/revoke": Reading(kind=Body.ORDER, struct=RevokeOrder),
    "/v1/proposals/{proposal_id}/decide": Reading(kind=Body.ORDER, struct=Verdict, required=True),
    "/auth/break-glass": Reading(kind=Body.ORDER, struct=BreakGlassOrder, required=True),
    "/v1/break-glass/allow": Reading(kind=Body.ORDER, struct=EndOrder),
    "/v1/session/end": Reading(kind=Body.ORDER, struct=EndOwnOrder),
    "/v1/sessions/end": Reading(kind=Body.ORDER, struct=EndPersonOrder, required=True),
    "/v1/sessions/{session_name}/end": Reading(kind=Body.ORDER, struct=EndOrder),
}
"""By path: what a POST there reads."""

BODILESS = frozenset(
    {
        "/v1/interfaces/{name}/resume",
        "/v1/interfaces/{name}/poll",
        "/v1/interfaces/{name}/check",
        "/v1/set-aside/orders/{order_id}/cancel",
        "/v1/subscriptions/{subscription}/test",
        "/v1/subscriptions/{subscription}/enable",
        "/v1/subscriptions/{subscription}/end",
    }
)
"""A POST there needs no body; a POST that is in neither list fails a test."""

_BYTES: dict[str, Any] = {"application/octet-stream": {}}

_SENT: dict[str, Any] = {
    "type": "object",
    "description": "One event of the stream; `data` is a CloudEvent.",
    "properties": {
        "id": {"type": "string"},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {
                "type": "object",
                "required": ["specversion", "id", "source", "type"],
            },
        },
    },
}

ANSWERS: dict[str, dict[str, Any]] = {
    "/v1/artifacts/{artifact_id}/content": _BYTES,
    "/metrics": {"text/plain": {"schema": {"type": "string"}}},
    "/v1/feeds/{contract}/events": {"text/event-stream": {"schema": _SENT}},
}
"""By path: what a good answer is where it is no JSON."""

FORMS: dict[str, dict[str, Any]] = {
    "/v1/messages/{message_id}": {
        "application/cloudevents+json": {"schema": {"type": "object"}},
        "application/*": {"schema": {"type": "object"}},
    },
}
"""By path: in which other forms the answer is given, where Accept asks for one."""

CHANGES = frozenset(
    {
        "/v1/interfaces/{name}/pause",
        "/v1/interfaces/{name}/resume",
        *(f"/v1/set-aside/{action}" for action in Action),
        *STEPS,
    }
)
"""A POST there understands If-Match."""


def _header(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": description,
        "schema": schema,
    }


_TAG = r'(W/)?"[!#-~\u0080-\u00ff]*"'
_TAG_LIST: dict[str, Any] = {
    "anyOf": [
        {"const": "*"},
        {"type": "string", "pattern": rf"^{_TAG}([ \t]*,[ \t]*{_TAG})*[ \t]*,?$"},
    ]
}

QUESTIONS: dict[str, list[dict[str, Any]]] = {
    "changes": [
        _header(
            "If-Match",
            "The ETag of the read that this is decided on, or *. Needed but on the hub's own machine;"
            " for an order over what is set aside, where it names one thing.",
            _TAG_LIST,
        ),
    ],
    "every": [
        _header(
            "X-Request-Id",
            "Your name for this request, 1 to 64 letters, digits, points and dashes: it comes back"
            " and stands in the log. One of another form counts as none.",
            {"type": "string"},
        ),
        _header(
            "traceparent",
            "W3C trace context; one of the wrong form counts as none.",
            {"type": "string"},
        ),
    ],
    "unsafe": [
        _header(
            "X-CSRF-Token",
            f"Needed with a session: what stands in the cookie {COOKIE}-csrf.",
            {"type": "string"},
        ),
    ],
    "reason": [
        _header(
            "Hub-Reason",
            "Why PHI is read, or why it is proposed, in at most 500 characters; percent-encoded where"
            " it is not ASCII. It stands on the audit record.",
            {"type": "string", "pattern": "^(?!.*%([01][0-9A-Fa-f]|7[Ff]))[ -~]{0,500}$"},
        ),
    ],
    "proposed": [
        _header(
            "Hub-Proposal",
            "Where it needs another person: `new` keeps the request as a proposal (202); once that"
            " is approved, its id with the same request carries it out.",
            {"type": "string"},
        ),
    ],
    "created": [
        _header(
            "If-None-Match",
            "`*`: only where the same bytes are not there yet (412).",
            _TAG_LIST,
        ),
    ],
    "keyed": [
        _header(
            "Idempotency-Key",
            "The same key and payload get the first answer again, for 400 days: 1 to 255 visible"
            " ASCII characters, bare or as a quoted string.",
            {
                "type": "string",
                "minLength": 1,
                "pattern": '^[!#-~]{1,255}$|^"[ !#-\\[\\]-~]{1,255}"$',
            },
        ),
    ],
}
"""Headers that every route understands, and those of some kinds of them."""

SIGNED: list[dict[str, Any]] = [
    _header(
        "webhook-id",
        "The sender's name for it, the same for every try.",
        {"type": "string", "pattern": "^[!-~]{1,255}$"},
    ),
    _header(
        "webhook-timestamp",
        "When this try was sent, in seconds since 1970.",
        {"type": "string", "pattern": "^(0|[1-9][0-9]{0,11})$"},
    ),
]
"""Headers of what is signed, beside the signature."""

OWN_QUESTIONS: dict[str, list[dict[str, Any]]] = {
    "/v1/messages/{message_id}": [
        _header("If-None-Match", "ETags of answers that you have: 304 for such a one.", _TAG_LIST)
    ],
    "/v1/feeds/{contract}/events": [
        _header(
            "Last-Event-ID",
            "The id of the last event that you have seen; it goes before `after`.",
            {"type": "string"},
        )
    ],
}
"""By path: headers that only a GET there understands."""

PARAMETERS: dict[str, dict[str, Any]] = {
    "state": {"enum": ["", *(state.value for state in RetryState)]},
    "mode": {"enum": ["", *Mode]},
    "profile": {"enum": list(CompatProfile)},
}
"""By a query parameter's name: what the framework does not know of its values."""


def _link(operation: str, place: str, **more: str) -> dict[str, Any]:
    """Return a link: what stands at `place` in the answer is the path parameter of an operation."""
    (parameter,) = more
    words = more[parameter]
    return {
        "operationId": operation,
        "parameters": {parameter: f"$response.body#{place}"},
        "description": words,
    }


_TAKEN = {
    "artifact": _link("show_artifact", "/artifact_id", artifact_id="What became of it."),
    "content": _link("show_content", "/artifact_id", artifact_id="The bytes again."),
}
LINKS: dict[str, dict[str, Any]] = {
    "hand_over": _TAKEN,
    "hand_over_message": _TAKEN,
    "list_messages": {
        "first": _link("show_message", "/messages/0/message_id", message_id="The newest."),
    },
    "show_message": {
        "delivery": _link("show_delivery", "/deliveries/0/delivery_id", delivery_id="Its way on."),
    },
    "list_interfaces": {"first": _link("show_interface", "/0/name", name="The first of them.")},
    "list_set_aside": {
        "first": _link("show_set_aside", "/set_aside/0/id", aside_id="The first of them."),
    },
    "list_clients": {"key": _link("create_key", "/0/client", client="A key for the first.")},
    "create_key": {"revoke": _link("revoke_key", "/facts/key_id", key_id="The end of it.")},
}
"""By operation: where its answer leads (OpenAPI 3.1, Link Object)."""

_TEXT = {"type": "string"}

HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-Id": {"description": "The name of this request in the log.", "schema": _TEXT},
    "Location": {"description": "Where to see what became of it.", "schema": _TEXT},
    "Idempotency-Replayed": {
        "description": "There where this is the first answer again.",
        "schema": {"const": "true"},
    },
    "Retry-After": {
        "description": "Seconds to wait before asking again.",
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
    },
    "WWW-Authenticate": {"description": "How to get in (RFC 6750).", "schema": _TEXT},
    "RateLimit-Policy": {
        "description": "To a system: what its product allows, by name: units q in w seconds.",
        "schema": _TEXT,
    },
    "RateLimit": {
        "description": "To a system: what is left of it (r), and in how many seconds there is more.",
        "schema": _TEXT,
    },
    "Hub-Contract": {
        "description": "Contract and version of the document, name/1.4.0.",
        "schema": _TEXT,
    },
    "ETag": {
        "description": "Names what was read, for If-Match and If-None-Match.",
        "schema": _TEXT,
    },
    "Deprecation": {
        "description": "Since when the version is deprecated (RFC 9745).",
        "schema": _TEXT,
    },
    "Sunset": {"description": "From when it may be gone (RFC 8594).", "schema": _TEXT},
    "Link": {"description": "To the version and its successor (RFC 8288).", "schema": _TEXT},
}
"""Headers of answers."""

SECURITY: dict[str, dict[str, Any]] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key (`id.secret`), an access token of your OAuth server (RFC 9068,"
        " bound to your certificate by RFC 8705 where it says so), or the token of this machine.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": "The session of a person who has signed in at `/auth/login`.",
    },
}
"""Ways to get in; each of them is enough."""

SIGNATURE: dict[str, dict[str, Any]] = {
    "signature": {
        "type": "apiKey",
        "in": "header",
        "name": "webhook-signature",
        "description": "`v1,` and HMAC-SHA256 over id, time and body, or `v1a,` and Ed25519, after"
        " Standard Webhooks; several between blanks.",
    }
}
"""What proves a webhook."""

TAGS = {
    "intake": "Hand over files and messages, and see the files again.",
    "messages": "What the hub made of them, and what became of each.",
    "set aside": "Dead letters, held parts, parked and waiting deliveries.",
    "interfaces": "Feeds in and systems out: how they are; pause, resume, poll, probe.",
    "subscriptions": "What is sent to a client's URL as it comes, signed.",
    "access": "Which systems may call, and the keys they do it with.",
    "contracts": "What may travel: versions, who uses them, what a change would break.",
    "audit": "Who did what, and whether the record of it holds.",
    "operations": "The process itself.",
}
"""Groups of routes, in the order of the document."""
