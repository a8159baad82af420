"""What the demo shows while it runs: a live picture on a terminal, plain lines elsewhere."""

import sys
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any, Protocol

import msgspec

from gateway.cli.output import Output
from gateway.health import InterfaceHealth, InterfaceState
from gateway.model.money import cents_of
from gateway.ports import Clock

__all__ = ["Picture", "Screen", "Tone", "dollars", "open_screen", "waiting"]

LINE_EVERY_SECONDS = 4.0
_EVENTS = 14


class Tone(StrEnum):
    """How something that happened is meant."""

    PLAIN = ""
    GOOD = "green"
    TROUBLE = "red"
    NOTE = "yellow"
    ACT = "bold cyan"
    """A new act of the story begins."""


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """What is true now."""

    offered: int
    """Files the clearinghouse has put out."""
    taken: int
    """Those of them that the hub has taken."""
    interfaces: tuple[InterfaceHealth, ...]


class Screen(Protocol):
    """Where the demo's story is told."""

    def tell(self, text: str, tone: Tone = Tone.PLAIN) -> None:
        """Say that something happened."""
        ...

    def show(self, picture: Picture) -> None:
        """Show how things are now; called often."""
        ...


def dollars(cents: int) -> str:
    """Write cents for people: -123456 is "-$1,234.56"."""
    whole, fraction = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}${whole:,}.{fraction:02d}"


@contextmanager
def open_screen(output: Output, clock: Clock) -> Iterator[Screen]:
    """Return the screen that fits where stdout leads to."""
    if not output.terminal:
        yield _Lines(output, clock)
        return
    from rich.console import Console
    from rich.live import Live

    live = Live(console=Console(), refresh_per_second=6, redirect_stdout=False)
    with live:
        yield _Live(live, clock)


class _Lines:
    """One line per event, and one on the figures every few seconds where they changed."""

    def __init__(self, output: Output, clock: Clock) -> None:
        self._output = output
        self._clock = clock
        self._started = self._said = clock.monotonic()
        self._last = ""

    def tell(self, text: str, tone: Tone = Tone.PLAIN) -> None:
        """Write the event with the time since the start."""
        mark = "==" if tone is Tone.ACT else "  "
        self._output.line(f"{_since(self._clock, self._started)} {mark} {text}")
        sys.stdout.flush()

    def show(self, picture: Picture) -> None:
        """Write the figures, at most every few seconds."""
        now = self._clock.monotonic()
        line = _figures(picture)
        if now - self._said < LINE_EVERY_SECONDS or line == self._last:
            return
        self._said, self._last = now, line
        self.tell(line)


class _Live:
    """A table of interfaces above the last events."""

    def __init__(self, live: Any, clock: Clock) -> None:
        self._live = live
        self._clock = clock
        self._started = clock.monotonic()
        self._events: deque[tuple[str, str, Tone]] = deque(maxlen=_EVENTS)
        self._picture: Picture | None = None

    def tell(self, text: str, tone: Tone = Tone.PLAIN) -> None:
        """Add an event below the table."""
        self._events.append((_since(self._clock, self._started), text, tone))
        self._draw()

    def show(self, picture: Picture) -> None:
        """Draw the table anew."""
        self._picture = picture
        self._draw()

    def _draw(self) -> None:
        from rich.console import Group
        from rich.text import Text

        events = [
            Text.assemble((f"{at}  ", "dim"), (text, tone.value))
            for at, text, tone in self._events
        ]
        parts: list[Any] = []
        if self._picture is not None:
            parts = [_table(self._picture), Text(_figures(self._picture), style="bold"), Text()]
        self._live.update(Group(*parts, *events))


def _table(picture: Picture) -> Any:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, title="RemitHub demo", title_justify="left", expand=True)
    for title in ("interface", "state"):
        table.add_column(title)
    for title in ("done", "failed tries", "waiting", "for a person"):
        table.add_column(title, justify="right")
    for health in picture.interfaces:
        style = "green" if health.state is InterfaceState.UP else "bold red"
        state = f"{health.state} ({health.reason})" if health.reason else str(health.state)
        table.add_row(
            Text(health.title or health.name),
            Text(state, style=style),
            Text(_done(health)),
            Text(f"{_failed(health):,}", style="red" if _failed(health) else ""),
            Text(f"{waiting(health):,}"),
            Text(_person(health), style="yellow" if health.waits_for_person.count else ""),
        )
    return table


def waiting(health: InterfaceHealth) -> int:
    """Return how many things of an interface go on by themselves and are not done yet."""
    retrying = (health.set_aside.get(state) for state in ("waiting", "confirming"))
    return health.backlog + sum(aside.count for aside in retrying if aside)


def _done(health: InterfaceHealth) -> str:
    if "artifacts" in health.counters and not health.counters.get("deliveries_done"):
        return f"{health.counters['artifacts']:,} files"
    return f"{health.counters.get('deliveries_done', 0):,} deliveries"


def _failed(health: InterfaceHealth) -> int:
    return sum(health.counters.get(f"attempts_{how}", 0) for how in ("failed", "unknown"))


def _person(health: InterfaceHealth) -> str:
    aside = health.waits_for_person
    return f"{aside.count:,} ({dollars(cents_of(aside.amount))})" if aside.count else "-"


def _total(healths: Iterable[InterfaceHealth], counter: str) -> int:
    return sum(health.counters.get(counter, 0) for health in healths)


def _figures(picture: Picture) -> str:
    sources = [h for h in picture.interfaces if h.direction == "in"]
    sinks = [h for h in picture.interfaces if h.direction == "out"]
    read, cents = _total(sources, "parts_accepted"), _total(sources, "cents_accepted")
    figures = [
        f"{picture.taken:,} of {picture.offered:,} files taken",
        f"{read:,} payments read ({dollars(cents)})",
        *(f"{h.name} {h.counters.get('deliveries_done', 0):,} done" for h in sinks),
        f"{sum(waiting(h) for h in picture.interfaces):,} under way",
    ]
    return ", ".join(figures)


def _since(clock: Clock, started: float) -> str:
    seconds = int(clock.monotonic() - started)
    return f"{seconds // 60:02d}:{seconds % 60:02d}"
