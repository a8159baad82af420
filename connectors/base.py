"""The connector contract: Source, Receiver, Sink, Outcome, and what the hub hands a connector.

A connector says what happened and nothing else: it never sleeps, never retries, never logs a
payload. Schedule, retries, breakers, limits, metrics and redaction belong to the hub.
"""

import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping
from concurrent.futures import Executor
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

import httpx
import msgspec

__all__ = [
    "Absent",
    "Call",
    "CheckReport",
    "Clock",
    "ConnectorSpec",
    "Context",
    "Delivered",
    "Document",
    "Failed",
    "Failure",
    "Found",
    "Idempotency",
    "LookupAnswer",
    "Offer",
    "Outcome",
    "Pending",
    "Probe",
    "Received",
    "Receiver",
    "ReceiverRefusal",
    "Sink",
    "Source",
    "SourceFault",
    "Undecidable",
    "Unknown",
    "Verdict",
]


class Clock(Protocol):
    """Wall and monotonic time, as the hub injects them."""

    def now(self) -> datetime:
        """Return the wall time, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        ...


class TransportFactory(Protocol):
    """Makes the HTTP transport of one connector: the real one, or the simulated network."""

    def __call__(
        self, *, connections: int, verify: ssl.SSLContext | bool
    ) -> httpx.AsyncBaseTransport:
        """Return a transport that holds up to `connections` connections."""
        ...


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """What a connector may use of its surroundings."""

    interface: str
    clock: Clock
    secret: Callable[[str], str]
    """Resolves a secret's NAME; raises KeyError where there is none."""
    transport: TransportFactory
    executor: Callable[[int], Executor]
    """Makes a bounded thread pool of that size, owned by the connector, for blocking calls."""
    fail_point: Callable[[str], None]


class Failure(StrEnum):
    """Why a definite failure happened; decides what the hub does next."""

    MESSAGE = "message"
    """The partner refuses this document: no retry can help, it becomes a dead letter."""
    DESTINATION = "destination"
    """The partner is not well: retry by schedule."""
    CREDENTIAL = "credential"
    """Nobody gets in (401, 403, host key, TLS): pause the destination, page a person."""
    THROTTLED = "throttled"
    """The partner asks for fewer calls: wait `retry_after_seconds`."""


class Delivered(msgspec.Struct, frozen=True, kw_only=True, tag="delivered"):
    """The effect is there. `reply` is the partner's answer, a message of its own."""

    external_id: str = ""
    reply: Any = None
    """JSON-shaped, or None where the partner says nothing the hub should keep."""
    duplicate: bool = False
    """The partner says that an earlier try had already made the effect."""


class Pending(msgspec.Struct, frozen=True, kw_only=True, tag="pending"):
    """Taken, not yet final: the answer comes by `lookup` or by another feed."""

    external_id: str = ""
    poll_after_seconds: float = 60.0
    reply: Any = None


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag="failed"):
    """Definitely no effect. `code` is short and stable, `detail` never holds a payload value."""

    failure: Failure
    code: str
    detail: str = ""
    retry_after_seconds: float | None = None
    reply: Any = None
    """A refusal in the partner's own words, kept sealed beside the attempt, never logged."""
    conflict: bool = False
    """The partner says that it has, or had, another request of this kind (HTTP 409): this try had
    no effect, but an earlier one that nobody recorded may have had it. Never reason for a new key."""


class Unknown(msgspec.Struct, frozen=True, kw_only=True, tag="unknown"):
    """The request may have left and no readable answer came: the effect may be there."""

    code: str
    detail: str = ""


Outcome = Delivered | Pending | Failed | Unknown


class Found(msgspec.Struct, frozen=True, kw_only=True, tag="found"):
    """The effect of that key is at the partner."""

    external_id: str = ""
    reply: Any = None


class Absent(msgspec.Struct, frozen=True, kw_only=True, tag="absent"):
    """The effect of that key is definitely not at the partner."""


class Undecidable(msgspec.Struct, frozen=True, kw_only=True, tag="undecidable"):
    """The partner cannot tell now. `failure` is CREDENTIAL where nobody gets in to ask."""

    code: str
    detail: str = ""
    failure: Failure | None = None


LookupAnswer = Found | Absent | Undecidable


class Idempotency(StrEnum):
    """How a sink makes sure that a second try has no second effect."""

    KEY = "key"
    """It takes a key and honours it: a retry carries the same key."""
    LOOKUP = "lookup"
    """It can be asked whether the effect of a key is there."""
    NONE = "none"
    """Neither: an unknown outcome waits for a person."""


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be delivered: JSON-shaped `data`, or `raw` bytes for a file destination."""

    contract: str
    data: Any = None
    raw: bytes = b""
    name: str = ""
    """A file name without PHI, for file destinations; unique per delivery."""
    event: Mapping[str, str] = {}
    """The document's CloudEvents attributes by name (`id`, `type`, `source`, `time` ...), for
    destinations that send events; empty where the hub names none."""


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt. `key` is the same for every retry of one delivery's generation."""

    key: str
    attempt: int
    deadline: float
    """On the context clock's monotonic scale; nothing of the call may outlive it."""
    traceparent: str = ""


class Sink(Protocol):
    """A destination: an ERP, a billing system, a folder."""

    idempotency: Idempotency

    async def deliver(self, call: Call, document: Document) -> Outcome:
        """Try once to make the effect. Never raises for anything the partner does."""
        ...

    async def lookup(self, call: Call, document: Document) -> LookupAnswer:
        """Say whether the effect of `call.key` is there. Only where idempotency is LOOKUP or polls."""
        ...

    async def check(self) -> "CheckReport":
        """Probe without side effects: name, reach, encryption, credentials."""
        ...

    async def close(self) -> None:
        """Let go of connections and threads; may be called twice."""
        ...


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """Something a source could hand over. `fingerprint` says "the same thing as before"
    (endpoint, name, size, time of change); the content's hash is the hub's to take."""

    ref: str
    """Opaque to the hub: what `fetch` and `settle` need to find it again."""
    fingerprint: str
    size: int | None = None
    name: str = ""
    """The partner's own name for it: data, sealed with the body, never a path of ours."""


class Verdict(StrEnum):
    """What became of an offer."""

    ACCEPTED = "accepted"
    """Durable in the hub (now or by an earlier fetch): the source may archive or delete it."""
    REFUSED = "refused"
    """The hub will not take it (too large, say): left where it is."""


class SourceFault(Exception):
    """A source could not be read. The hub decides what happens next by `failure`."""

    def __init__(self, failure: Failure, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.failure = failure
        self.code = code
        self.detail = detail


class Source(Protocol):
    """Something the hub polls: an SFTP folder, a mailbox, a local folder."""

    def discover(self) -> AsyncIterator[Offer]:
        """List what is ready, oldest first. Cheap, no side effects. Raises SourceFault."""
        ...

    def fetch(self, offer: Offer) -> AsyncGenerator[bytes, None]:
        """Stream the content. Raises SourceFault; a short read is a fault, never a short file."""
        ...

    async def settle(self, offer: Offer, verdict: Verdict) -> None:
        """Archive, delete or leave. Repeatable; what is already gone is fine."""
        ...

    async def check(self) -> "CheckReport":
        """Probe without side effects."""
        ...

    async def close(self) -> None:
        """Let go of connections and threads; may be called twice."""
        ...


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """What a sender has handed over, proved to be its own. `id` is the sender's name for it: the
    same however often it is sent. Whoever keeps it answers only once that is durable."""

    id: str
    content_type: str
    """Media type without parameters, lower case; empty where there is none."""
    body: bytes


class ReceiverRefusal(Exception):
    """What is not taken. `status` is the HTTP status to answer; `code` is short and stable.

    400: it cannot be read, 401: it is not proved, 413: it is too large. Holds nothing of it.
    """

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


class Receiver(Protocol):
    """Something that is called by its sender: the hub has the route, this proves who it was."""

    @property
    def max_bytes(self) -> int:
        """Larger bodies are refused."""
        ...

    def receive(self, headers: Iterable[tuple[str, str]], body: bytes) -> Received:
        """Prove one request, its body byte for byte as it came. Raises ReceiverRefusal."""
        ...

    async def check(self) -> "CheckReport":
        """Say what can be said without a sender."""
        ...

    async def close(self) -> None:
        """Let go of everything; may be called twice."""
        ...


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """One named probe of a check: `dns`, `tcp`, `tls`, `host_key`, `auth`, `permission`."""

    name: str
    passed: bool
    detail: str = ""


class CheckReport(msgspec.Struct, frozen=True, kw_only=True):
    """What `check` found, in the order probed; it stops at the first failure."""

    probes: tuple[Probe, ...]

    @property
    def passed(self) -> bool:
        """Whether every probe passed."""
        return all(probe.passed for probe in self.probes)


class ConnectorSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What a connector folder exports as `CONNECTOR`. `settings` is the one place where options,
    defaults, bounds and their words for people are written; those of a receiver, which has
    nothing to reach, are in `receives`."""

    name: str
    settings: type[msgspec.Struct]
    source: Callable[[Any, Context], Source] | None = None
    sink: Callable[[Any, Context], Sink] | None = None
    receiver: Callable[[Any, Context], Receiver] | None = None
    receives: type[msgspec.Struct] | None = None
    samples: Mapping[str, str] = {}
