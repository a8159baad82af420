"""Every problem the API answers with (RFC 9457): stable code, HTTP status, words. One table."""

from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.types import ExceptionHandlersMap

from gateway.api.quota import QuotaExceeded
from gateway.api.trace import TraceFacts, trace_of
from gateway.errors import (
    ConfigError,
    Conflict,
    HubError,
    NotFound,
    Reject,
    StorageFault,
    TryAgain,
    UsageFault,
)
from gateway.governance.cloudevents import EventInvalid

__all__ = [
    "EXCEPTION_HANDLERS",
    "MEDIA_TYPE",
    "PROBLEMS",
    "Gone",
    "Invalid",
    "NotAcceptable",
    "NotReady",
    "PreconditionFailed",
    "PreconditionRequired",
    "Problem",
    "ProblemKind",
    "Unsupported",
    "VersionNotSupported",
    "problem_of",
]

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 5


class ProblemKind(msgspec.Struct, frozen=True):
    """One row of the table: what a code means, and the HTTP status it comes with."""

    status: int
    title: str


PROBLEMS: dict[str, ProblemKind] = {
    "usage": ProblemKind(400, "The request makes no sense as it is"),
    "request_invalid": ProblemKind(400, "A parameter or the body does not have the right form"),
    "idempotency_key_missing": ProblemKind(400, "This product asks for an Idempotency-Key"),
    "idempotency_key_invalid": ProblemKind(400, "The Idempotency-Key is not 1 to 255 characters"),
    "webhook_malformed": ProblemKind(400, "The headers of the webhook cannot be read"),
    "unauthorized": ProblemKind(401, "No credential, or none that is good"),
    "webhook_unverified": ProblemKind(401, "The webhook is not proved to be its sender's"),
    "forbidden": ProblemKind(403, "None of the roles allows it"),
    "insufficient_scope": ProblemKind(403, "The credential's scopes do not cover it"),
    "product_missing": ProblemKind(403, "No API product of the client covers it"),
    "reason_required": ProblemKind(403, "It needs a reason"),
    "approval_required": ProblemKind(403, "It needs another person"),
    "not_found": ProblemKind(404, "There is nothing of that name"),
    "method_not_allowed": ProblemKind(405, "This resource does not do that"),
    "version_not_acceptable": ProblemKind(406, "No version or form that is accepted is given"),
    "body_too_slow": ProblemKind(408, "The body did not come in time"),
    "conflict": ProblemKind(409, "What was asked for does not fit the present state"),
    "break_glass_disabled": ProblemKind(409, "The local account is out of use"),
    "break_glass_locked": ProblemKind(409, "Too many wrong passwords"),
    "proposal_over": ProblemKind(409, "The proposal was decided or used, or its time is over"),
    "proposal_differs": ProblemKind(409, "The proposal is about another request"),
    "contract_gate_closed": ProblemKind(409, "A gate of the contract's life cycle is closed"),
    "key_limit": ProblemKind(409, "Two keys of that client are live already"),
    "subscription_exists": ProblemKind(409, "The client has that sent to that URL already"),
    "subscription_in_file": ProblemKind(409, "The subscription stands in a file"),
    "subscription_limit": ProblemKind(409, "The client has as many subscriptions as it may"),
    "idempotency_in_flight": ProblemKind(409, "The first request with this key still runs"),
    "contract_version_retired": ProblemKind(410, "This version of the contract is not served"),
    "precondition_failed": ProblemKind(412, "It has changed, or is there already"),
    "artifact_too_large": ProblemKind(413, "The file is larger than this interface takes"),
    "document_too_large": ProblemKind(413, "The document is larger than the hub takes"),
    "media_type_unsupported": ProblemKind(415, "The content type or encoding is not taken here"),
    "event_batch": ProblemKind(415, "Events are taken one at a time"),
    "event_format": ProblemKind(415, "Events are taken in JSON only"),
    "version_not_supported": ProblemKind(415, "No version is named, or none that is taken"),
    "config_invalid": ProblemKind(422, "A file of the configuration is wrong"),
    "contract_violated": ProblemKind(422, "The document breaks its contract"),
    "idempotency_payload_differs": ProblemKind(422, "The key came before with another payload"),
    "event_invalid": ProblemKind(422, "The event breaks CloudEvents"),
    "event_without_data": ProblemKind(422, "The event carries no JSON document"),
    "message_rejected": ProblemKind(422, "The document is at fault"),
    "contract_not_convertible": ProblemKind(422, "The document has no form in that version"),
    "precondition_required": ProblemKind(428, "A change needs If-Match"),
    "subscription_url_refused": ProblemKind(422, "Nothing is sent to that URL"),
    "quota_exceeded": ProblemKind(429, "The client has used its quota"),
    "hub_error": ProblemKind(500, "Something the hub can name went wrong"),
    "internal_error": ProblemKind(500, "A fault of the hub itself"),
    "storage_fault": ProblemKind(500, "The store cannot be trusted"),
    "store_unavailable": ProblemKind(503, "The store cannot take this now"),
    "try_again": ProblemKind(503, "The surroundings are at fault"),
    "hub_behind": ProblemKind(503, "What was taken at this interface waits for too long"),
    "not_ready": ProblemKind(503, "The hub is starting or stopping"),
    "disk_full": ProblemKind(507, "The disk is full"),
    "disk_low": ProblemKind(507, "The disk is nearly full"),
}
"""A code that is not here (a finer one of an error of ours) takes the row of its error's class."""

_CLASSES: tuple[tuple[type[HubError], str], ...] = (
    (UsageFault, "usage"),
    (NotFound, "not_found"),
    (Conflict, "conflict"),
    (ConfigError, "config_invalid"),
    (Reject, "message_rejected"),
    (TryAgain, "try_again"),
    (StorageFault, "storage_fault"),
)
_HTTP = {
    400: "request_invalid",
    401: "unauthorized",
    404: "not_found",
    405: "method_not_allowed",
    413: "artifact_too_large",
    415: "media_type_unsupported",
}
MAX_ERRORS = 100

_IANA = "https://iana.org/assignments/http-problem-types#"
_IANA_TYPES = {
    "quota_exceeded": f"{_IANA}quota-exceeded",
    "hub_behind": f"{_IANA}temporary-reduced-capacity",
}
"""Problems with a type that is the same everywhere (RateLimit draft, 10, problem types)."""


class Invalid(Reject):
    """A document breaks its contract; `errors` are places and rules, never values."""

    code = "contract_violated"

    def __init__(self, message: str, *, contract: str, errors: list[dict[str, str]]) -> None:
        super().__init__(message, next_step="correct the document and send it again.")
        self.contract = contract
        self.errors = errors


class Unsupported(UsageFault):
    """A content type or encoding that is not taken."""

    code = "media_type_unsupported"


class VersionNotSupported(Unsupported):
    """What is sent names no version of the contract that is taken; `supported` are media types."""

    code = "version_not_supported"

    def __init__(self, message: str, supported: list[str]) -> None:
        super().__init__(message, next_step="name one of the `supported` in Content-Type.")
        self.supported = supported


class NotAcceptable(UsageFault):
    """What is asked for is not given in that version or form; `supported` are media types."""

    code = "version_not_acceptable"

    def __init__(self, message: str, supported: list[str]) -> None:
        super().__init__(message, next_step="name one of the `supported` in Accept.")
        self.supported = supported


class Gone(HubError):
    """A version of a contract that is not served any more."""

    code = "contract_version_retired"


class PreconditionFailed(Conflict):
    """What was to be changed is not as the caller knows it."""

    code = "precondition_failed"


class PreconditionRequired(UsageFault):
    """A change without If-Match."""

    code = "precondition_required"


class NotReady(HubError):
    """What was asked for cannot be served while the hub starts or stops."""

    code = "not_ready"


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A problem document (RFC 9457) with our extensions. `type` leads to the table's row.

    `errors` are {pointer, keyword, code, schema_pointer, expected}; never an instance's value.
    """

    type: str
    title: str
    status: int
    code: str
    detail: str = ""
    instance: str = ""
    next_step: str = ""
    request_id: str = ""
    trace_id: str = ""
    contract: str = ""
    file: str = ""
    line: int = 0
    errors: list[dict[str, str]] = []
    errors_truncated: bool = False
    supported: list[str] = []
    violated_policies: list[str] = msgspec.field(name="violated-policies", default_factory=list)

    def response(self, headers: dict[str, str] | None = None) -> Response[bytes]:
        """Return this as an answer."""
        more = dict(headers or {})
        if self.status in (503, 507):
            more.setdefault("Retry-After", str(RETRY_AFTER_SECONDS))
        return Response(
            msgspec.json.encode(self), status_code=self.status, media_type=MEDIA_TYPE, headers=more
        )


def problem_of(error: HubError, facts: TraceFacts) -> Problem:
    """Return the problem of an error of ours; its own code stays, its status is the table's."""
    row = PROBLEMS.get(error.code)
    if row is None:
        family = next((code for kind, code in _CLASSES if isinstance(error, kind)), "hub_error")
        row = PROBLEMS[family]
    more: dict[str, Any] = {}
    match error:
        case Invalid():
            more = {
                "contract": error.contract,
                "errors": error.errors[:MAX_ERRORS],
                "errors_truncated": len(error.errors) > MAX_ERRORS,
            }
        case EventInvalid():
            more = {"errors": [msgspec.to_builtins(one) for one in error.violations[:MAX_ERRORS]]}
        case VersionNotSupported() | NotAcceptable():
            more = {"supported": error.supported}
        case QuotaExceeded():
            more = {"violated_policies": list(error.violated)}
        case ConfigError():
            more = {"file": error.file, "line": error.line}
    return Problem(
        type=_IANA_TYPES.get(error.code, f"/problems/{error.code}"),
        title=row.title,
        status=row.status,
        code=error.code,
        detail=error.message,
        instance=f"urn:remithub:request:{facts.request_id}",
        next_step=error.next_step,
        request_id=facts.request_id,
        trace_id=facts.trace_id,
        **more,
    )


def _plain(code: str, detail: str, facts: TraceFacts) -> Problem:
    return problem_of(HubError(detail, code=code), facts)


def _ours(request: Request[Any, Any, Any], error: HubError) -> Response[bytes]:
    told = error.retry_after_seconds if isinstance(error, TryAgain) else 0
    headers = {"Retry-After": str(told)} if told else None
    return problem_of(error, trace_of(request.scope)).response(headers)


def _http(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """Litestar's own refusals: its words may quote a value, so only the place is kept."""
    code = _HTTP.get(error.status_code, "internal_error")
    detail = PROBLEMS[code].title + "."
    if isinstance(error, ValidationException) and isinstance(error.extra, list):
        places = sorted({str(e["key"]) for e in error.extra if isinstance(e, dict) and "key" in e})
        detail = f"Not of the right form: {', '.join(places)}." if places else detail
    allow = {k: v for k, v in (error.headers or {}).items() if k.lower() == "allow"}
    return _plain(code, detail, trace_of(request.scope)).response(allow)


def _unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """A bug: its kind goes to the log, nothing of its text anywhere."""
    facts = trace_of(request.scope)
    facts.log_bug(error)
    detail = f"The log has more under request {facts.request_id}."
    return _plain("internal_error", detail, facts).response()


EXCEPTION_HANDLERS: ExceptionHandlersMap = {
    HubError: _ours,
    HTTPException: _http,
    Exception: _unexpected,
}
"""What Litestar calls; no answer of ours leaves without a problem document."""
