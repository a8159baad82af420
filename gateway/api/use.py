"""What one request uses: its product, its place in the quota, and headers for its answer."""

from collections.abc import Awaitable, Callable
from typing import Any

from litestar.types import Message, Send

from gateway.api.quota import Admission
from gateway.settings import ProductSettings

__all__ = ["KEY", "Use", "Way", "answer_with", "use_of"]

KEY = "remithub.use"


class Way:
    """What `hand_over_message` finds out once for all messages that are alike in who sends them,
    contract and media type; `found` is its own."""

    found: Any = None


class Use:
    """What one request uses: its product, its place in the quota, headers for its answer."""

    def __init__(self) -> None:
        self.product: ProductSettings | None = None
        self.uncovered = False
        """No product covers it: it is counted, and refused once rights were looked at."""
        self.admission: Admission | None = None
        self.headers: list[tuple[bytes, bytes]] = []
        self.received = 0
        self.way: Way | None = None
        """Where messages like this one go, where that is remembered."""
        self.held: Callable[[Send, Message], Awaitable[None]] | None = None
        """Where the answer goes before it leaves, see `once`."""

    def answer_headers(self) -> list[tuple[bytes, bytes]]:
        """Return what the answer says beside its own headers."""
        counted = self.admission.headers() if self.admission else []
        return [*self.headers, *counted]

    def leave(self) -> None:
        """Give the place back."""
        if self.admission is not None:
            self.admission.leave(self.received)
            self.admission = None


def use_of(connection: Any) -> Use:
    """Return what a request uses."""
    found: Use = connection.scope[KEY]
    return found


def answer_with(connection: Any, name: str, value: str) -> None:
    """Set a header of the answer, whatever that will be; given twice, the later one counts."""
    use = use_of(connection)
    lower = name.lower().encode("ascii")
    use.headers = [(one, text) for one, text in use.headers if one != lower]
    use.headers.append((lower, value.encode("latin-1")))
