"""What can go wrong with a TCP connection, and when: the faults of the TCP proxy and their odds."""

import asyncio
from collections import Counter, deque
from collections.abc import Mapping
from enum import StrEnum

from gateway.ports import Clock, Randomness, SystemClock

__all__ = ["EFFECT_POSSIBLE", "Conditions", "Fault"]


class Fault(StrEnum):
    """What goes wrong with a connection."""

    REFUSE = "refuse"
    """Nobody listens; idle connections are closed. Cannot be drawn by chance or by script."""
    RST_ON_ACCEPT = "rst_on_accept"
    """Reset as soon as it is accepted; one that was kept, as soon as it is used again."""
    FIN_ON_ACCEPT = "fin_on_accept"
    """The same with an orderly end."""
    RST_MID_REQUEST = "rst_mid_request"
    """Reset after half of the request's first bytes went up."""
    RST_BEFORE_REPLY = "rst_before_reply"
    """The request goes up and is answered; the client gets a reset instead."""
    FIN_BEFORE_REPLY = "fin_before_reply"
    """The same with an orderly end."""
    TRUNCATED_HEADERS = "truncated_headers"
    """The reply ends in the middle of its headers."""
    TRUNCATED_BODY = "truncated_body"
    """The reply ends in the middle of its body."""
    BLACK_HOLE = "black_hole"
    """Nothing goes up and nothing comes down."""
    HANG_BEFORE_REPLY = "hang_before_reply"
    """The request goes up; of the reply nothing comes down."""
    SLOW_DRIP = "slow_drip"
    """The reply comes at 10 bytes every 0.2 seconds."""
    CORRUPT_BYTE = "corrupt_byte"
    """The first byte of the reply's body is another one."""
    TLS_TO_PLAIN = "tls_to_plain"
    """Answers whatever comes first as a port without TLS does."""
    RST_MID_STREAM = "rst_mid_stream"
    """Reset once `stream_bytes` came down on a connection (any protocol: SFTP has no bodies)."""


EFFECT_POSSIBLE = frozenset(
    {
        Fault.RST_BEFORE_REPLY,
        Fault.FIN_BEFORE_REPLY,
        Fault.TRUNCATED_HEADERS,
        Fault.TRUNCATED_BODY,
        Fault.HANG_BEFORE_REPLY,
        Fault.SLOW_DRIP,
        Fault.CORRUPT_BYTE,
        Fault.RST_MID_STREAM,
    }
)
"""Faults under which the whole request reaches the server behind the proxy."""


class Conditions:
    """What the network is like for every exchange that begins from now on.

    `fault` strikes them all; `script` holds faults (or None) for the next exchanges, one each,
    and goes first; `chances` are drawn from `randomness` where neither says anything.
    """

    def __init__(
        self, *, randomness: Randomness | None = None, clock: Clock | None = None
    ) -> None:
        self.script: deque[Fault | None] = deque()
        self.stream_bytes = 0
        """What comes down on a connection, from its start, before RST_MID_STREAM."""
        self.struck: Counter[Fault] = Counter()
        """How often each fault struck."""
        self.longest_seconds = 0.0
        """The longest time from a fault's exchange to the end of the client's connection."""
        self.passing = asyncio.Event()
        self.passing.set()
        self.clock = clock or SystemClock()
        self._randomness = randomness or Randomness(0)
        self._fault: Fault | None = None
        self._chances: dict[Fault, float] = {}

    @property
    def fault(self) -> Fault | None:
        """What strikes every exchange from now on; None: whatever script and chances say."""
        return self._fault

    @fault.setter
    def fault(self, fault: Fault | None) -> None:
        """Strike every exchange from now on with it."""
        before, self._fault = self._fault, fault
        self._changed(before, fault)

    @property
    def chances(self) -> Mapping[Fault, float]:
        """Share of exchanges that each fault strikes, 0 to 1 in all."""
        return self._chances

    @chances.setter
    def chances(self, chances: Mapping[Fault, float]) -> None:
        """Raises ValueError for a share of refusals."""
        if Fault.REFUSE in chances:
            raise ValueError("a refusal is nobody listening: it cannot be drawn per connection")
        self._chances = dict(chances)

    def clog(self) -> None:
        """Let no byte pass, in neither direction, until `unclog`; nothing is lost."""
        self.passing.clear()

    def unclog(self) -> None:
        """Let everything pass that waited."""
        self.passing.set()

    def draw(self) -> Fault | None:
        """Return what strikes the exchange that begins now."""
        if self.script:
            return self.script.popleft()
        if self._fault is not None:
            return self._fault
        if not self._chances:
            return None
        point = self._randomness.random()
        for fault, share in self._chances.items():
            point -= share
            if point < 0:
                return fault
        return None

    def held(self, began: float) -> None:
        """Note that a client let go of a connection whose struck exchange began at `began`."""
        self.longest_seconds = max(self.longest_seconds, self.clock.monotonic() - began)

    def _changed(self, before: Fault | None, after: Fault | None) -> None:
        """Act on a change of `fault`."""
