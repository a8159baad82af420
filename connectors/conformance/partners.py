"""What a case tells the kit about the system at the other end, and what it can be made to do."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

import msgspec

from connectors.base import Document
from connectors.conformance.rows import NotApplicable

__all__ = [
    "Fault",
    "Opener",
    "Proxy",
    "SinkPartner",
    "SourcePartner",
    "Wrong",
]


class Fault(StrEnum):
    """What a partner does with the next request that has an effect."""

    NOT_REACHED = "not_reached"
    """No connection: nothing can have left."""
    REPLY_LOST = "reply_lost"
    """The effect is made, and the connection closes without a byte of the reply."""
    REPLY_TRUNCATED = "reply_truncated"
    """The effect is made, and the reply ends in its middle."""
    REPLY_HTML = "reply_html"
    """The effect is made, and a gateway answers 500 with a page of HTML."""
    REPLY_WRONG_TYPE = "reply_wrong_type"
    """The effect is made, and the success carries HTML instead of what was promised."""
    REPLY_DRIPS = "reply_drips"
    """The effect is made, and the reply comes a byte at a time, past every deadline."""
    THROTTLED = "throttled"
    """429 with `Retry-After: 7`."""
    THROTTLED_SILENT = "throttled_silent"
    """429 without a hint."""
    CREDENTIAL_OLD = "credential_old"
    """401 once: the credential has to be renewed."""
    CREDENTIAL_WRONG = "credential_wrong"
    """401 for ever."""
    UNFORESEEN = "unforeseen"
    """An answer that no rule of the connector foresees, without effect."""
    REFUSED_IN_SUCCESS = "refused_in_success"
    """A refusal of the document inside an answer that looks like a success."""
    STOPPED_HALFWAY = "stopped_halfway"
    """The first of several steps is done, the next one fails."""
    PENDING_THEN_DONE = "pending_then_done"
    """Taken now, done later; within the fault's block nothing is done yet."""
    PENDING_THEN_REFUSED = "pending_then_refused"
    """Taken now, refused later; within the fault's block nothing is decided yet."""


class Proxy(Protocol):
    """A proxy of bytes between connector and partner; RemitHub's own is
    `gateway.simulators.tcp_proxy.TcpProxy`."""

    fault: Any
    """The name of what strikes every exchange; None: nothing."""
    script: Any
    """A deque of such names, or None, for the next exchanges, one each."""


PROXY_FAULTS: Mapping[Fault, str] = {
    Fault.NOT_REACHED: "refuse",
    Fault.REPLY_LOST: "rst_before_reply",
    Fault.REPLY_TRUNCATED: "truncated_body",
    Fault.REPLY_DRIPS: "slow_drip",
}
"""What a proxy of bytes can do by itself."""


class Wrong(msgspec.Struct, frozen=True, kw_only=True):
    """Settings with one mistake, and the probe of `check` that must name it."""

    probe: str
    settings: Mapping[str, Any] = {}
    """Merged over the partner's own."""
    secrets: Mapping[str, str] = {}
    """Merged over the partner's own."""


class Opener(Protocol):
    """What a case's fixture `partner` returns: opens a partner that no other row has used, or
    that keeps effects of different keys apart."""

    def __call__(self) -> AbstractAsyncContextManager[Any]:
        """Return a context manager that yields a SourcePartner or a SinkPartner."""
        ...


class _Partner:
    settings: Mapping[str, Any] = {}
    """Settings as an integrator writes them, decoded by the kit; credentials as `${secret:NAME}`."""
    secrets: Mapping[str, str] = {}
    """The secrets' values. The kit looks for them in every log and error."""
    wrong: Sequence[Wrong] = ()
    """Mistakes that `check` must name; at least one."""

    async def state(self) -> Any:
        """Return everything a side effect would change, for comparing before and after."""
        raise NotApplicable("the case does not show the partner's state")


class SourcePartner(_Partner):
    """The side that offers. Subclass it; what is not overridden counts as not possible."""

    ready_after_seconds: float = 0.0
    """How long a thing must stay unchanged before the connector may offer it."""
    folder: Path | None = None
    """Where the partner's files are, for connectors that poll folders: opens rows F1 and on."""

    async def put(self, name: str, content: bytes, *, age_seconds: int = 100) -> None:
        """Make a whole thing available, last changed that many seconds ago."""
        # No row applies where nothing can be offered.
        raise NotImplementedError(name, len(content), age_seconds)

    async def begin(self, name: str, content: bytes) -> None:
        """Write what is there so far of a thing that is still being written."""
        raise NotApplicable("the partner cannot show a half-written thing")

    async def fill(self, count: int) -> None:
        """Make that many small things available."""
        for number in range(count):
            await self.put(f"{number:06}.835", b"%d" % number)

    def cut(self) -> AbstractAsyncContextManager[None]:
        """Break connections in the middle of the next fetch."""
        raise NotApplicable("the partner cannot break a connection")


class SinkPartner(_Partner):
    """The side that takes. Subclass it; what is not overridden counts as not possible."""

    faults: frozenset[Fault] = frozenset()
    """What `fault` can do."""
    proxy: Proxy | None = None
    """A proxy on the way; it gives the faults that bytes can have."""
    proxy_fault: Callable[[str], Any] = str
    """Makes the proxy's own fault of a name: RemitHub's has an enumeration."""
    exchanges_before_effect: int = 0
    """Requests of a delivery that come before the one with the effect: a token, a search."""
    folder: Path | None = None
    """Where files arrive, for connectors that put files: opens rows F20 and on."""

    def document(self, mark: str) -> Document:
        """Return a document the partner takes; `mark` must stand in its payload, not in its
        name: the kit looks for it where no payload may be."""
        raise NotImplementedError  # only the partner knows its own documents and books

    async def effects(self, key: str, document: Document) -> Sequence[str]:
        """Return the partner's own numbers of the effects of that key, by its own books."""
        raise NotImplementedError  # only the partner knows its own documents and books

    def possible(self, fault: Fault) -> bool:
        """Say whether the partner can be made to do this."""
        return fault in self.faults or (self.proxy is not None and fault in PROXY_FAULTS)

    @asynccontextmanager
    async def fault(self, fault: Fault) -> AsyncIterator[None]:
        """Do this to the next request with an effect, inside the block."""
        if self.proxy is None:
            raise NotApplicable(f"the partner cannot do {fault.value}")
        name = self.proxy_fault(PROXY_FAULTS[fault])
        if fault is Fault.NOT_REACHED:
            self.proxy.fault = name
        else:
            self.proxy.script.extend([*[None] * self.exchanges_before_effect, name])
        try:
            yield
        finally:
            self.proxy.script.clear()
            self.proxy.fault = None

    def different(self, document: Document) -> Document:
        """Return another document that the partner knows by the same key."""
        raise NotApplicable("the partner does not keep what it was sent")

    def refused(self, mark: str) -> Document:
        """Return a document that the partner itself refuses: an unbalanced journal, say."""
        raise NotApplicable("the partner judges no document")

    async def leftovers(self, key: str) -> Sequence[str]:
        """Return what unfinished work of that key stands at the partner: drafts, part files."""
        raise NotApplicable("nothing can be left behind at this partner")

    def priced(self, mark: str, amounts: Sequence[str]) -> Document:
        """Return a document with exactly these amounts, decimal strings."""
        raise NotApplicable("the partner takes no amounts")

    async def booked(self, key: str, document: Document) -> Sequence[str]:
        """Return the amounts in the partner's books, decimal strings in the document's order."""
        raise NotApplicable("the partner takes no amounts")

    def worded(self, mark: str, text: str) -> tuple[Document, str]:
        """Return a document with a text, and the text as it must arrive (cut by rule, say)."""
        raise NotApplicable("the partner takes no text")

    async def words(self, key: str, document: Document) -> str:
        """Return the text in the partner's books."""
        raise NotApplicable("the partner takes no text")
