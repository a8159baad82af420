"""A source that does everything right, over a shelf in memory, for the kit's own tests."""

import contextlib
import hashlib
import itertools
import time
from contextlib import asynccontextmanager
from typing import Annotated

import msgspec
from msgspec import Meta

from connectors.base import (
    CheckReport,
    ConnectorSpec,
    Failure,
    Offer,
    Probe,
    SourceFault,
    Verdict,
)
from connectors.conformance import SourcePartner, Wrong
from connectors.secret_text import SECRET_PATTERN, with_secrets

SHELVES: dict[str, "Shelf"] = {}
PASSWORD = "a-password-of-the-shelf-Q7"
BLOCK = 64 * 1024
SAMPLE = "shelf: a\npassword: ${secret:SHELF}\n"


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Takes things from a shelf."""

    shelf: Annotated[str, Meta(description="Name of the shelf.")]
    password: Annotated[str, Meta(pattern=SECRET_PATTERN, description="Password of the shelf.")]
    settle_seconds: Annotated[float, Meta(description="Unchanged for this long.")] = 5.0


class Thing(msgspec.Struct, frozen=True):
    name: str
    content: bytes
    changed: int


class ShelfSource:
    """A good source. A bad one overrides one method."""

    def __init__(self, settings: Settings, context) -> None:
        self.settings = settings
        self.clock = context.clock
        self.shelf = SHELVES.get(settings.shelf)
        self.password = with_secrets(settings.password, context.secret)
        self.seen: dict[tuple, float] = {}
        self.decided: set[tuple] = set()

    async def discover(self):
        for thing in self.ready():
            yield Offer(
                ref=f"{thing.name}|{len(thing.content)}|{thing.changed}",
                fingerprint=self.fingerprint(thing),
                size=len(thing.content),
                name=thing.name,
            )

    def ready(self) -> list[Thing]:
        if self.shelf is None or self.password != PASSWORD:
            raise SourceFault(Failure.CREDENTIAL, "not_let_in")
        now = self.clock.monotonic()
        things = {self.entry(thing): thing for thing in self.shelf.things.values()}
        self.seen = {entry: self.seen.get(entry, now) for entry in things}
        settled = [
            thing
            for entry, thing in things.items()
            if now - self.seen[entry] >= self.settings.settle_seconds and entry not in self.decided
        ]
        return sorted(settled, key=lambda thing: thing.changed)

    def entry(self, thing: Thing) -> tuple:
        return thing.name, len(thing.content), thing.changed

    def fingerprint(self, thing: Thing) -> str:
        return hashlib.sha256(repr(self.entry(thing)).encode()).hexdigest()

    def thing_of(self, offer: Offer) -> Thing | None:
        name, size, changed = offer.ref.rsplit("|", 2)
        thing = self.shelf.things.get(name)
        same = thing is not None and self.entry(thing) == (name, int(size), int(changed))
        return thing if same else None

    async def fetch(self, offer):
        thing = self.thing_of(offer)
        if thing is None:
            raise SourceFault(Failure.DESTINATION, "changed")
        for start in range(0, len(thing.content), BLOCK):
            if self.shelf.broken and start:
                raise SourceFault(Failure.DESTINATION, "connection_lost")
            yield thing.content[start : start + BLOCK]

    async def settle(self, offer, verdict):
        thing = self.thing_of(offer)
        if thing is None:
            return
        if verdict is Verdict.ACCEPTED:
            del self.shelf.things[thing.name]
        else:
            self.decided.add(self.entry(thing))

    async def check(self):
        there = Probe(name="shelf", passed=self.shelf is not None)
        if not there.passed:
            return CheckReport(probes=(there,))
        return CheckReport(probes=(there, Probe(name="auth", passed=self.password == PASSWORD)))

    async def close(self):
        """Nothing is held."""


class Shelf(SourcePartner):
    """The shelf, and what the kit may do with it."""

    ready_after_seconds = 5.0
    _numbers = itertools.count(1)

    def __init__(self) -> None:
        name = f"shelf-{next(self._numbers)}"
        SHELVES[name] = self
        self.things: dict[str, Thing] = {}
        self.broken = False
        self.settings = {"shelf": name, "password": "${secret:SHELF}"}
        self.secrets = {"SHELF": PASSWORD}
        self.wrong = (
            Wrong(probe="shelf", settings={"shelf": "nowhere"}),
            Wrong(probe="auth", secrets={"SHELF": "another-password-Q7"}),
        )

    async def put(self, name, content, *, age_seconds=100):
        changed = time.time_ns() - age_seconds * 10**9
        self.things[name] = Thing(name, content, changed)

    async def begin(self, name, content):
        await self.put(name, content, age_seconds=0)

    @asynccontextmanager
    async def cut(self):
        self.broken = True
        yield
        self.broken = False

    async def state(self):
        return sorted(self.things.values(), key=lambda thing: thing.name)


@asynccontextmanager
async def open_shelf():
    shelf = Shelf()
    yield shelf
    with contextlib.suppress(KeyError):
        del SHELVES[shelf.settings["shelf"]]


def source_spec(source=ShelfSource, settings=Settings, samples=None) -> ConnectorSpec:
    return ConnectorSpec(
        name="shelf",
        settings=settings,
        source=source,
        samples={"a.yaml": SAMPLE} if samples is None else samples,
    )
