"""Typed structs for the config files: options, defaults, bounds and their words for people."""

from enum import StrEnum
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from gateway.settings.access import AccessSettings

__all__ = [
    "DEFAULT_SCHEDULE_SECONDS",
    "ApiSettings",
    "ConfirmSettings",
    "HubSettings",
    "InterfaceSettings",
    "OnDead",
    "Priority",
    "RateSettings",
    "ReplySettings",
    "RetrySettings",
    "Route",
    "RoutesFile",
    "SinkSettings",
    "SourceSettings",
    "StoreSettings",
]

_MINUTE = 60
_HOUR = 3600
DEFAULT_SCHEDULE_SECONDS = (
    *(0, 10, 30, 2 * _MINUTE, 5 * _MINUTE, 15 * _MINUTE, 30 * _MINUTE),
    *(h * _HOUR for h in (1, 2, 4, 6, 8, 12, 12, 24, 24)),
)
"""16 tries over about 94 hours: longer than a weekend with a holiday (Friday 17:00 to Tuesday)."""

Name = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
Seconds = Annotated[float, Meta(ge=0)]


class StoreSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the hub keeps what it must not lose. Paths are relative to the hub's root folder."""

    path: Annotated[str, Meta(description="The database file.")] = "var/hub.db"
    postgres: Annotated[
        str,
        Meta(
            pattern=r"^$|^postgres(ql)?://([^:@/]*@)?[^@]*$",
            description="A PostgreSQL to use instead: postgresql://user@host:5432/database, no"
            " password in it; ?sslmode=verify-full for TLS.",
        ),
    ] = ""
    password_secret: Annotated[str, Meta(description="The secret that is its password.")] = ""
    key_file: Annotated[str, Meta(description="The key file; made on first run.")] = "var/hub.key"
    reader_threads: Annotated[int, Meta(ge=1, le=16, description="Threads that read.")] = 2
    free_bytes_low: Annotated[
        Annotated[int, Meta(ge=0)] | None,
        Meta(description="With less free there nothing is taken in; 0: off; none: 1 GiB or 5 %."),
    ] = None


class ApiSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the HTTP API listens: loopback only, unless `access` says how others are let in."""

    host: Annotated[str, Meta(description="The address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="0 takes any free port.")] = 8035
    max_body_bytes: Annotated[int, Meta(ge=1024, description="Largest file taken over HTTP.")] = (
        2 * 1024**3
    )
    token_file: Annotated[str, Meta(description="The token; made on first run.")] = "var/api.token"  # noqa: S105 - a path


class HubSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`hub.yaml`: what belongs to the hub as a whole."""

    tenant: Annotated[Name, Meta(description="Goes into every message as tenant_id.")] = "local"
    time_zone: Annotated[str, Meta(description="The business day's zone, IANA name.")] = (
        "America/New_York"
    )
    store: StoreSettings = StoreSettings()
    api: ApiSettings = ApiSettings()
    access: AccessSettings = AccessSettings()
    secrets_folder: Annotated[str, Meta(description="One file per secret, named after it.")] = (
        "var/secrets"
    )


class OnDead(StrEnum):
    """What a dead delivery does to later deliveries with the same ordering key."""

    HOLD = "hold"
    SKIP = "skip"


class RetrySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a failed delivery is tried again."""

    schedule_seconds: Annotated[
        tuple[Seconds, ...],
        Meta(
            min_length=1,
            max_length=100,
            description="Wait before each try; its length is the number of tries.",
        ),
    ] = DEFAULT_SCHEDULE_SECONDS
    jitter: Annotated[float, Meta(ge=0, le=0.5, description="Share by which a wait varies.")] = 0.2
    breaker_failures: Annotated[
        int, Meta(ge=1, description="Destination faults in a row that stop further attempts.")
    ] = 5
    breaker_share: Annotated[
        float, Meta(gt=0, le=1, description="So does this share of faults among enough calls.")
    ] = 0.7
    breaker_calls: Annotated[
        int, Meta(ge=1, description="How many calls of the window are enough.")
    ] = 10
    breaker_window_seconds: Annotated[
        int, Meta(ge=1, le=3600, description="Over which calls the share is taken.")
    ] = 60
    breaker_seconds: Annotated[
        Seconds,
        Meta(description="Wait before the first probe of a stopped destination; doubles."),
    ] = 30.0
    breaker_longest_seconds: Annotated[
        Seconds, Meta(description="The longest wait between two probes.")
    ] = 900.0
    breaker_successes: Annotated[
        int, Meta(ge=1, description="Good probes in a row that let everything through again.")
    ] = 3
    lookup_after_seconds: Annotated[
        Seconds,
        Meta(description="After an unknown outcome nobody asks sooner: what is there shows late."),
    ] = 0.0


class RateSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many calls a destination gets, over all nodes together."""

    per_second: Annotated[float, Meta(gt=0, description="Calls per second on the average.")]
    burst: Annotated[int, Meta(ge=1, description="Calls at once after a pause.")] = 1


class ConfirmSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a delivery that was taken becomes final."""

    poll_seconds: Annotated[
        Seconds | None,
        Meta(description="Between two looks; none: what the system says, 15 minutes by contract."),
    ] = None
    give_up_seconds: Annotated[
        float, Meta(gt=0, description="Not confirmed for so long, it waits for a person.")
    ] = 7.0 * 24 * _HOUR
    contract: Annotated[
        str,
        Meta(
            description="Contract and range of the message that confirms, by its correlation: the"
            " document number or the message's own correlation. With it, every delivery that was"
            " taken waits for such a message."
        ),
    ] = ""
    ok: Annotated[
        str, Meta(description="Condition over that message; where false, it was refused.")
    ] = ""


class ReplySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a destination's answer becomes."""

    contract: Annotated[
        str, Meta(description="Contract and range, say `posting-confirmation@^0.1`.")
    ]
    mapping: Annotated[
        str, Meta(description="From the answer to the contract; none: it already is one.")
    ] = ""
    allow_draft: Annotated[bool, Meta(description="Accept a contract that is still a draft.")] = (
        False
    )


class SourceSettings(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="direction",
    tag="in",
):
    """One configured feed in."""

    interface: Annotated[Name, Meta(description="Its name; also the file's name.")]
    format: Annotated[str, Meta(description="The wire format, say `x12-835`, or `json`.")]
    mapping: Annotated[
        str, Meta(description="From the format to a contract; none: documents are one already.")
    ] = ""
    contract: Annotated[
        str, Meta(description="Contract and range, where there is no mapping.")
    ] = ""
    title: Annotated[str, Meta(description="For people.")] = ""
    connector: Annotated[
        str, Meta(description="How files are fetched; none: they are handed over by HTTP only.")
    ] = ""
    settings: Annotated[dict[str, Any], Meta(description="The connector's options.")] = {}
    poll_seconds: Annotated[
        Seconds, Meta(description="Pause between two looks at the source.")
    ] = 60.0
    production: Annotated[bool, Meta(description="False: test files are expected here.")] = True
    allow_draft: Annotated[bool, Meta(description="Accept a contract that is still a draft.")] = (
        False
    )
    concurrency: Annotated[int, Meta(ge=1, le=64, description="Artifacts processed at once.")] = 8
    max_bytes: Annotated[int, Meta(ge=1, description="A larger file is left where it is.")] = (
        4 * 1024**3
    )
    behind_seconds: Annotated[
        Seconds,
        Meta(
            description="Takes nothing in while a file waits for longer, or another one would; "
            "0: always does."
        ),
    ] = 3600.0


class SinkSettings(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="direction",
    tag="out",
):
    """One system out."""

    interface: Annotated[Name, Meta(description="Its name; also the file's name.")]
    connector: Annotated[str, Meta(description="How the system is reached.")]
    accepts: Annotated[str, Meta(description="Contract and range, say `journal-entry@^0.1`.")]
    title: Annotated[str, Meta(description="For people.")] = ""
    settings: Annotated[dict[str, Any], Meta(description="The connector's options.")] = {}
    mapping: Annotated[str, Meta(description="From the contract to the system's own shape.")] = ""
    subscriber: Annotated[
        str,
        Meta(
            pattern=r"^$|^[a-z][a-z0-9-]{0,62}$",
            description="The client whose subscription it is. It needs no route: it gets what came"
            " by or goes to the client's own interfaces, shown as its product shows it.",
        ),
    ] = ""
    reply: Annotated[ReplySettings | None, Meta(description="What the answer becomes.")] = None
    allow_draft: Annotated[bool, Meta(description="Accept a contract that is still a draft.")] = (
        False
    )
    concurrency: Annotated[
        int, Meta(ge=1, le=256, description="Deliveries under way at once.")
    ] = 16
    deadline_seconds: Annotated[
        float, Meta(gt=0, le=3600, description="Total time of one attempt.")
    ] = 30.0
    order_by: Annotated[
        str, Meta(description="Expression; deliveries of one value go one after another.")
    ] = ""
    on_dead: Annotated[
        OnDead, Meta(description="What a dead delivery does to its successors.")
    ] = OnDead.HOLD
    retry: RetrySettings = RetrySettings()
    rate: Annotated[RateSettings | None, Meta(description="Limit of calls; none: no limit.")] = (
        None
    )
    confirm: ConfirmSettings = ConfirmSettings()


InterfaceSettings = SourceSettings | SinkSettings


class Priority(StrEnum):
    """Whose deliveries go first where routes share a destination; low still gets through."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


class Route(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Contract (and condition) -> destination."""

    name: Annotated[Name, Meta(description="Shown wherever a delivery is.")]
    contract: Annotated[
        str, Meta(description="Contract, and range where a condition or mapping needs it.")
    ]
    to: Annotated[
        str,
        Meta(
            description="An outgoing interface; `none` keeps the message and says so on purpose."
        ),
    ]
    when: Annotated[str, Meta(description="Condition over the message; none: always.")] = ""
    mapping: Annotated[
        str, Meta(description="Makes a further message, which is what is owed.")
    ] = ""
    priority: Annotated[
        Priority, Meta(description="Before which other routes to the same destination it goes.")
    ] = Priority.NORMAL


class RoutesFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`routes.yaml`."""

    routes: tuple[Route, ...] = ()
