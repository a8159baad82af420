"""The files of a new connector, as text: honest about being unfinished, so the kit fails them."""

__all__ = [
    "CASE",
    "CASE_SINK",
    "CASE_SOURCE",
    "INIT",
    "README",
    "SAMPLE",
    "SETTINGS",
    "SINK",
    "SOURCE",
]

INIT = '''"""__TITLE__: say in one line what it reaches."""

from importlib import resources

from connectors.base import ConnectorSpec
from connectors.__NAME__.settings import Settings
__IMPORTS__

__all__ = [
__EXPORTS__
]

CONNECTOR = ConnectorSpec(
    name="__NAME__",
    settings=Settings,
__PARTS__
    samples={
        path.name: path.read_text(encoding="utf-8")
        for path in sorted(
            resources.files(__name__).joinpath("samples").iterdir(), key=lambda p: p.name
        )
        if path.name.endswith(".yaml")
    },
)
'''

SETTINGS = '''"""Options of the __NAME__ connector: the one place where they are written."""

from typing import Annotated

import msgspec
from msgspec import Meta

from connectors.secret_text import SECRET_PATTERN

__all__ = ["Settings"]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Reaches __TITLE__. Say here what it takes from there or puts there."""

    address: Annotated[str, Meta(min_length=1, description="Where it is reached.")]
    password: Annotated[
        str, Meta(pattern=SECRET_PATTERN, description="Password, as `${secret:NAME}`.")
    ] = ""
'''

SOURCE = '''"""Takes from __TITLE__ by polling."""

from collections.abc import AsyncGenerator, AsyncIterator

from connectors.__NAME__.settings import Settings
from connectors.base import CheckReport, Context, Failure, Offer, Probe, SourceFault, Verdict

__all__ = ["__CLASS__Source"]


class __CLASS__Source:
    """Polls __TITLE__. Not implemented yet: every poll is a fault that says so."""

    def __init__(self, settings: Settings, context: Context) -> None:
        self._settings = settings
        self._clock = context.clock

    async def discover(self) -> AsyncIterator[Offer]:
        """Yield what is ready, oldest first, without side effects. Raises SourceFault."""
        for offer in self._offers():
            yield offer

    async def fetch(self, offer: Offer) -> AsyncGenerator[bytes, None]:
        """Yield the content in blocks; a short read is a fault. Raises SourceFault."""
        for block in self._blocks(offer):
            yield block

    async def settle(self, offer: Offer, verdict: Verdict) -> None:
        """Archive, delete or leave; may be called twice. Raises SourceFault."""
        raise SourceFault(Failure.DESTINATION, "not_implemented")

    async def check(self) -> CheckReport:
        """Probe layer by layer, without side effects; stop at the first that fails."""
        return CheckReport(probes=(Probe(name="implemented", passed=False),))

    async def close(self) -> None:
        """Let go of connections and threads. May be called twice."""

    def _offers(self) -> list[Offer]:
        raise SourceFault(Failure.DESTINATION, "not_implemented")

    def _blocks(self, offer: Offer) -> list[bytes]:
        raise SourceFault(Failure.DESTINATION, "not_implemented")
'''

SINK = '''"""Hands documents to __TITLE__."""

from connectors.__NAME__.settings import Settings
from connectors.base import (
    Call,
    CheckReport,
    Context,
    Document,
    Failed,
    Failure,
    Idempotency,
    LookupAnswer,
    Outcome,
    Probe,
    Undecidable,
)

__all__ = ["__CLASS__Sink"]


class __CLASS__Sink:
    """Delivers to __TITLE__. Not implemented yet: every delivery fails and says so."""

    idempotency = Idempotency.NONE  # KEY where it honours a key, LOOKUP where it can be asked

    def __init__(self, settings: Settings, context: Context) -> None:
        self._settings = settings
        self._clock = context.clock

    async def deliver(self, call: Call, document: Document) -> Outcome:
        """Try once. Failed only where nothing can have happened; else Unknown. Never raises."""
        return Failed(failure=Failure.DESTINATION, code="not_implemented")

    async def lookup(self, call: Call, document: Document) -> LookupAnswer:
        """Say whether the effect of `call.key` is there."""
        return Undecidable(code="not_implemented")

    async def check(self) -> CheckReport:
        """Probe layer by layer, without side effects; stop at the first that fails."""
        return CheckReport(probes=(Probe(name="implemented", passed=False),))

    async def close(self) -> None:
        """Let go of connections and threads. May be called twice."""
'''

SAMPLE = """# Settings to start from.
address: __NAME__.example.test
password: ${secret:__UPPER___PASSWORD}
"""

README = """# __NAME__

Say what it reaches, how it makes sure that nothing is lost or doubled, and what it cannot do.

## Options

<!-- generated: connector-options __NAME__ -->
__OPTIONS__<!-- end generated -->
"""

CASE = '''"""The __NAME__ connector passes the conformance kit."""

from contextlib import asynccontextmanager

import pytest

from connectors.__NAME__ import CONNECTOR
from connectors.base import Document
from connectors.conformance import (
__KIT_IMPORTS__
)

PASSWORD = "a-password-of-__NAME__"
SETTINGS = {
    "address": "__NAME__.example.test",
    "password": "${secret:__UPPER___PASSWORD}",
}


__CASES__
'''

CASE_SOURCE = '''class OfferingPartner(SourcePartner):
    """The other side, as a real or simulated system. What is not overridden is not tested."""

    def __init__(self):
        self.settings = SETTINGS
        self.secrets = {"__UPPER___PASSWORD": PASSWORD}
        self.wrong = ()  # mistakes that `check` must name: Wrong(probe="auth", secrets={...})

    async def put(self, name, content, *, age_seconds=100):
        """Make a whole thing available there."""
        raise NotImplementedError  # yours to write: the kit fails until then


class TestThe__CLASS__Source(SourceConformance):
    connector = CONNECTOR

    @pytest.fixture
    def partner(self):
        @asynccontextmanager
        async def open_partner():
            yield OfferingPartner()

        return open_partner'''

CASE_SINK = '''class TakingPartner(SinkPartner):
    """The other side, as a real or simulated system. What is not overridden is not tested."""

    def __init__(self):
        self.settings = SETTINGS
        self.secrets = {"__UPPER___PASSWORD": PASSWORD}
        self.wrong = ()  # mistakes that `check` must name: Wrong(probe="auth", secrets={...})

    def document(self, mark):
        """Return a document that it takes, with the mark in its payload."""
        return Document(contract="c", data={"memo": mark})

    async def effects(self, key, document):
        """Return its own numbers of the effects of that key, by its own books."""
        raise NotImplementedError  # yours to write: the kit fails until then


class TestThe__CLASS__Sink(SinkConformance):
    connector = CONNECTOR

    @pytest.fixture
    def partner(self):
        @asynccontextmanager
        async def open_partner():
            yield TakingPartner()

        return open_partner'''
