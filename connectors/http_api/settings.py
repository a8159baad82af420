"""Options of the declarative HTTP connector: the one place where they are written."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from connectors.base import Idempotency
from connectors.secret_text import SECRET_PATTERN, secret_names
from connectors.ssrf import Network

__all__ = [
    "ApiKeyAuth",
    "Auth",
    "BasicAuth",
    "BearerAuth",
    "Body",
    "Condition",
    "Deliver",
    "ErrorClass",
    "ErrorRule",
    "HeaderTest",
    "IdempotencySettings",
    "Lookup",
    "NoAuth",
    "OAuth2Auth",
    "ProbeRequest",
    "Refusal",
    "Request",
    "Result",
    "Settings",
    "Step",
    "Timeouts",
    "Tls",
    "When",
]

Name = Annotated[str, Meta(pattern="^[A-Za-z_][A-Za-z0-9_]*$")]
Status = Annotated[int, Meta(ge=100, le=599)]
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
ErrorClass = Literal["message", "destination", "credential", "throttled", "unknown", "duplicate"]
Body = Any
"""Any JSON shape; texts in it are templates."""


class NoAuth(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="none"
):
    """No credential."""


class BasicAuth(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="basic"
):
    """User name and password (RFC 7617)."""

    username: Annotated[str, Meta(description="User name.")]
    password: Annotated[
        str, Meta(pattern=SECRET_PATTERN, description="Password, as `${secret:NAME}`.")
    ]


class BearerAuth(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="bearer"
):
    """A fixed bearer token (RFC 6750)."""

    token: Annotated[str, Meta(pattern=SECRET_PATTERN, description="Token, as `${secret:NAME}`.")]


class ApiKeyAuth(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="api_key"
):
    """A key in a header of its own."""

    value: Annotated[str, Meta(pattern=SECRET_PATTERN, description="Key, as `${secret:NAME}`.")]
    header: Annotated[str, Meta(description="Header that carries it.")] = "X-API-Key"


class OAuth2Auth(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="type",
    tag="oauth2_client_credentials",
):
    """OAuth 2 client credentials (RFC 6749, 4.4); the token is kept and renewed early."""

    token_url: Annotated[str, Meta(description="Address of the token endpoint.")]
    client_id: Annotated[str, Meta(description="Client id.")]
    client_secret: Annotated[
        str, Meta(pattern=SECRET_PATTERN, description="Client secret, as `${secret:NAME}`.")
    ]
    scope: Annotated[str, Meta(description="Scopes, separated by spaces.")] = ""
    send: Annotated[
        Literal["basic", "body"], Meta(description="Where the client's credential travels.")
    ] = "basic"
    extra: Annotated[
        dict[str, str], Meta(description="Further form fields, for example `audience`.")
    ] = {}
    margin_percent: Annotated[
        int, Meta(ge=0, le=90, description="Part of a token's life left when it is renewed.")
    ] = 20


Auth = NoAuth | BasicAuth | BearerAuth | ApiKeyAuth | OAuth2Auth


class Tls(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Trust and client certificate. Verification cannot be switched off."""

    ca_file: Annotated[str, Meta(description="PEM file that replaces the trust store.")] = ""
    certificate_file: Annotated[str, Meta(description="Client certificate (PEM file).")] = ""
    key_file: Annotated[str, Meta(description="Its private key (PEM file).")] = ""


class Timeouts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bounds of one request; the whole call ends with the hub's deadline in any case."""

    connect_seconds: Annotated[float, Meta(gt=0, le=120, description="To be connected.")] = 5.0
    read_seconds: Annotated[float, Meta(gt=0, le=600, description="Of the partner's silence.")] = (
        25.0
    )
    pool_seconds: Annotated[float, Meta(gt=0, le=120, description="For a free connection.")] = 10.0


class Condition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A test of one value; without `equals`, `in` and `exists` it asks whether it is there."""

    path: Annotated[str, Meta(description="Dotted path, for example `RETURN.0.TYPE`.")]
    equals: Annotated[Any, Meta(description="The value it must have.")] = UNSET
    in_: Annotated[list[Any] | UnsetType, Meta(description="Values, one of which it has.")] = (
        msgspec.field(default=UNSET, name="in")
    )
    exists: Annotated[bool | UnsetType, Meta(description="Whether it is there and not null.")] = (
        UNSET
    )
    differs_from: Annotated[
        str | UnsetType,
        Meta(description="Path of a value it must not have; what is absent does not differ."),
    ] = UNSET


class HeaderTest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A test of an answer's header."""

    name: Annotated[str, Meta(description="Header name, any case.")]
    equals: Annotated[str | UnsetType, Meta(description="Its value; else: it is there.")] = UNSET


class When(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of the tests given must hold."""

    status: Annotated[list[Status], Meta(description="Statuses.")] = []
    status_range: Annotated[
        tuple[Status, Status] | UnsetType, Meta(description="First and last status.")
    ] = UNSET
    content_type: Annotated[str, Meta(description="Media type, without parameters.")] = ""
    header: Annotated[HeaderTest | UnsetType, Meta(description="Test of a header.")] = UNSET
    body: Annotated[Condition | UnsetType, Meta(description="Test of the JSON body.")] = UNSET
    step: Annotated[list[str], Meta(description="Only answers to these steps.")] = []


class ErrorRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an answer means. The first rule that fits decides, before the built-in ones."""

    when: Annotated[When, Meta(description="Which answers.")]
    class_: Annotated[ErrorClass, Meta(description="What they mean.")] = msgspec.field(
        name="class"
    )
    code: Annotated[
        str, Meta(pattern="^[a-z0-9_]{0,40}$", description="Stable code; else `http_STATUS`.")
    ] = ""
    code_path: Annotated[
        str, Meta(description="Path of the partner's error code; only a short code is shown.")
    ] = ""
    message: Annotated[
        str, Meta(description="Path of the partner's words; kept sealed, never shown in a log.")
    ] = ""
    external_id: Annotated[
        str, Meta(description="Path of the document number, for class `duplicate`.")
    ] = ""
    retry_after_seconds: Annotated[
        Annotated[float, Meta(ge=1, le=86400)] | None,
        Meta(description="Wait, where the answer names none."),
    ] = None


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One request. Texts are templates: `${in.path}`, `${key}`, `${steps.ID.body.path}`."""

    path: Annotated[str, Meta(description="Path below `base_url`; values are percent-encoded.")]
    method: Annotated[Method, Meta(description="Method.")] = "POST"
    query: Annotated[dict[str, Any], Meta(description="Query; an array repeats the name.")] = {}
    headers: Annotated[dict[str, str], Meta(description="Headers of this request.")] = {}
    body: Annotated[Body, Meta(description="JSON body; else the document as it is.")] = UNSET
    content_type: Annotated[str, Meta(description="Media type of the body.")] = "application/json"

    def __post_init__(self) -> None:
        """Raise ValueError for a secret in the path."""
        _without_secret(self.path)


class Refusal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ends the delivery after a success, as a refusal of the document."""

    when: Annotated[Condition, Meta(description="What must hold in what is known by then.")]
    code: Annotated[str, Meta(pattern="^[a-z0-9_]{1,40}$", description="Stable code.")]


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One call of an operation."""

    id: Annotated[Name, Meta(description="Name of the step.")]
    request: Annotated[Request, Meta(description="What is sent.")]
    when: Annotated[str | Condition | UnsetType, Meta(description="Only if this holds.")] = UNSET
    unless: Annotated[str | Condition | UnsetType, Meta(description="Not if this holds.")] = UNSET
    set: Annotated[
        dict[Name, str],
        Meta(description="Names for values of the answer; what is absent, is not."),
    ] = {}
    effect: Annotated[
        Literal["auto", "write", "none"],
        Meta(
            description="Whether it changes something that counts; `auto`: every method but GET. "
            "`none` is for a search by POST, or a draft that may be left behind."
        ),
    ] = "auto"
    refuse: Annotated[
        Refusal | UnsetType,
        Meta(description="Refusal, for example of a key that the partner has with other content."),
    ] = UNSET
    answer: Annotated[
        Literal["json", "any"],
        Meta(description="`json`: a success must hold JSON or nothing; `any`: anything will do."),
    ] = "json"


class Result(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What becomes of the answers."""

    external_id: Annotated[
        str,
        Meta(
            description="Template of the partner's number for the document. It is kept and shown "
            "in clear: never a patient's number."
        ),
    ] = ""
    reply: Annotated[
        Body, Meta(description="Template of the reply message; else the last answer's body.")
    ] = UNSET
    pending: Annotated[
        str | Condition | UnsetType, Meta(description="If this holds, the answer is not final.")
    ] = UNSET
    poll_after_seconds: Annotated[
        float, Meta(ge=1, le=86400, description="When to ask again for a pending one.")
    ] = 60.0


def _without_secret(path: str) -> None:
    """A path stands in the logs of every machine on the way, so no secret belongs there (OWASP
    ASVS 14.2.1); none was ever put in."""
    if secret_names(path):
        raise ValueError("`path` holds a secret; send it as `auth` or in `headers`")


def _one_post() -> list[Step]:
    return [Step(id="send", request=Request(path=""))]


class Deliver(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a document is delivered."""

    steps: Annotated[list[Step], Meta(min_length=1, description="Calls, in order.")] = (
        msgspec.field(default_factory=_one_post)
    )
    result: Annotated[Result, Meta(description="What is made of the answers.")] = Result()
    on_refusal: Annotated[
        list[Step],
        Meta(
            description="Calls that tidy up after the partner refused the document, for example "
            "delete a draft; how they end changes nothing."
        ),
    ] = []


class Lookup(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to find out whether the effect of a key is there."""

    steps: Annotated[list[Step], Meta(min_length=1, description="Calls without effect.")]
    found: Annotated[str | Condition, Meta(description="If this holds, it is there.")]
    absent_status: Annotated[
        list[Status], Meta(description="Statuses that say it is definitely not there.")
    ] = []
    result: Annotated[Result, Meta(description="What is made of the answers.")] = Result()


class IdempotencySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a second try is kept from a second effect."""

    mode: Annotated[Idempotency, Meta(description="`key`, `lookup` or `none`.")] = Idempotency.NONE
    header: Annotated[str, Meta(description="Header of the key, mode `key`.")] = "Idempotency-Key"
    quoted: Annotated[
        bool, Meta(description="Send the key as a structured-field string, in quotes (RFC 8941).")
    ] = False


class ProbeRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A call without side effects that proves credentials."""

    path: Annotated[str, Meta(description="Path below `base_url`, asked with GET.")]

    def __post_init__(self) -> None:
        """Raise ValueError for a secret in the path."""
        _without_secret(self.path)


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Delivers documents to a system's HTTP API, as declared here."""

    base_url: Annotated[
        str, Meta(pattern="^https?://[^\\s?#]+$", description="Address all paths are below.")
    ]
    network: Annotated[
        Network,
        Meta(
            description="`internal`: connects to any address. `public`: to public addresses only, "
            "for a system on the internet; what a name server says then leads nowhere else."
        ),
    ] = Network.INTERNAL
    auth: Annotated[Auth, Meta(description="Credential.")] = NoAuth()
    headers: Annotated[dict[str, str], Meta(description="Headers of every request.")] = {}
    tls: Annotated[Tls, Meta(description="Trust and client certificate.")] = Tls()
    timeouts: Annotated[Timeouts, Meta(description="Bounds of one request.")] = Timeouts()
    connections: Annotated[
        int, Meta(ge=1, le=256, description="Connections held at most, and calls at a time.")
    ] = 8
    idempotency: Annotated[
        IdempotencySettings, Meta(description="How a second try is kept from a second effect.")
    ] = IdempotencySettings()
    errors: Annotated[list[ErrorRule], Meta(description="Rules, before the built-in ones.")] = []
    deliver: Annotated[Deliver, Meta(description="How a document is delivered.")] = Deliver()
    lookup: Annotated[Lookup | None, Meta(description="How an effect is looked for.")] = None
    check: Annotated[ProbeRequest | None, Meta(description="Call that proves credentials.")] = None
