"""Options of webhooks, out and in: the one place where they are written."""

from typing import Annotated

import msgspec
from msgspec import Meta

from connectors.secret_text import SECRET_PATTERN
from connectors.ssrf import Network
from connectors.webhook.signature import TOLERANCE_SECONDS

__all__ = ["SCHEDULE_SECONDS", "ReceiverSettings", "Settings"]

SCHEDULE_SECONDS = (0, 5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
"""The retry schedule that Standard Webhooks suggests, three days and some hours in all: what an
interface with this connector should have as `retry.schedule_seconds`."""

INLINE_MAX_BYTES = 20 * 1024
FORWARDED_MAX_BYTES = 64 * 1024
"""An intermediary need not forward a larger event (CloudEvents 1.0.2, "Size Limits")."""

Secret = Annotated[str, Meta(pattern=SECRET_PATTERN)]
Status = Annotated[int, Meta(ge=400, le=499)]
Event = Annotated[str, Meta(pattern="^[\\x21-\\x7e]{0,200}$")]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Sends each document to a subscriber's URL as a signed CloudEvent (Standard Webhooks)."""

    url: Annotated[
        str,
        Meta(
            pattern="^https?://[^\\s/?#@]+(/[^\\s?#]*)?(\\?[^\\s#]*)?$",
            description="Address that events are posted to, without a user name.",
        ),
    ]
    secrets: Annotated[
        tuple[Secret, ...],
        Meta(
            min_length=1,
            max_length=2,
            description="Keys that sign, as `${secret:NAME}`: `whsec_` (HMAC-SHA256) or `whsk_` "
            "(Ed25519). Two while a key is changed: each event then carries both signatures.",
        ),
    ]
    network: Annotated[
        Network,
        Meta(
            description="`public`: connects to public addresses only, over TLS. `internal`: "
            "anywhere; for a subscriber in our own network, whose URL we chose ourselves."
        ),
    ] = Network.PUBLIC
    headers: Annotated[dict[str, str], Meta(description="Further headers of every event.")] = {}
    source: Annotated[
        Event,
        Meta(description="The event's `source` where the hub names none; empty: the interface."),
    ] = ""
    event_type: Annotated[
        Event,
        Meta(description="The event's `type` where the hub names none; empty: the contract."),
    ] = ""
    inline_max_bytes: Annotated[
        int,
        Meta(
            ge=0,
            le=FORWARDED_MAX_BYTES,
            description="A larger event is sent without its data; 0: always.",
        ),
    ] = INLINE_MAX_BYTES
    data_url: Annotated[
        str,
        Meta(
            pattern="^$|^(https?:/)?/[^\\s#{}]*\\{id\\}[^\\s#{}]*$",
            description="Where the data of an event without it is read; `{id}` is the message. A path"
            " is one of the hub's API.",
        ),
    ] = ""
    refused_status: Annotated[
        tuple[Status, ...],
        Meta(
            description="Answers by which the subscriber will never take this event: it becomes "
            "a dead letter at once. Any other failure is tried again."
        ),
    ] = (413, 422)
    ca_file: Annotated[str, Meta(description="PEM file that replaces the trust store.")] = ""
    certificate_file: Annotated[str, Meta(description="Client certificate (PEM file).")] = ""
    key_file: Annotated[str, Meta(description="Its private key (PEM file).")] = ""
    connect_seconds: Annotated[float, Meta(gt=0, le=120, description="To be connected.")] = 5.0
    read_seconds: Annotated[
        float, Meta(gt=0, le=600, description="Of the subscriber's silence.")
    ] = 20.0
    pool_seconds: Annotated[float, Meta(gt=0, le=120, description="For a free connection.")] = 10.0
    connections: Annotated[
        int, Meta(ge=1, le=256, description="Connections held at most, and calls at a time.")
    ] = 8


class ReceiverSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How webhooks that others send us are verified."""

    secrets: Annotated[
        tuple[Secret, ...],
        Meta(
            min_length=1,
            max_length=4,
            description="Keys that verify, as `${secret:NAME}`: `whsec_` or `whpk_` (Ed25519). "
            "While the sender changes its key, the new one and the old one.",
        ),
    ]
    tolerance_seconds: Annotated[
        int, Meta(ge=1, le=3600, description="How far the sender's clock may lie from ours.")
    ] = TOLERANCE_SECONDS
    max_bytes: Annotated[int, Meta(ge=1, description="A larger webhook is refused.")] = 1024 * 1024
