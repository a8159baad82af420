"""The kit works for a connector kept elsewhere, with nothing of this repository's tests."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

CONNECTOR = '''
import itertools
from typing import Annotated

import msgspec
from msgspec import Meta

from connectors.base import CheckReport, ConnectorSpec, Delivered, Failed, Failure, Idempotency
from connectors.base import Probe

BOOKS = {}
NUMBERS = itertools.count()


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Writes documents into a dictionary."""

    shelf: Annotated[str, Meta(description="Name of the shelf.")]


class Sink:
    idempotency = Idempotency.KEY

    def __init__(self, settings, context):
        self.shelf, self.clock = settings.shelf, context.clock

    async def deliver(self, call, document):
        if self.shelf not in BOOKS or call.deadline < self.clock.monotonic():
            return Failed(failure=Failure.DESTINATION, code="not_there")
        BOOKS[self.shelf].setdefault(call.key, document.data)
        return Delivered(external_id=call.key if KEEPS_NUMBERS else str(next(NUMBERS)))

    async def lookup(self, call, document):
        raise NotImplementedError  # a connector that says it has no lookup is never asked

    async def check(self):
        return CheckReport(probes=(Probe(name="shelf", passed=self.shelf in BOOKS),))

    async def close(self):
        pass


KEEPS_NUMBERS = True
OURS = ConnectorSpec(
    name="ours", settings=Settings, sink=Sink, samples={"a.yaml": "shelf: a"}
)
'''
CASE = """
from contextlib import asynccontextmanager

import pytest
from ours import BOOKS, OURS

from connectors.base import Document
from connectors.conformance import SinkConformance, SinkPartner, Wrong


class Partner(SinkPartner):
    def __init__(self):
        self.settings = {"shelf": "a"}
        self.wrong = (Wrong(probe="shelf", settings={"shelf": "b"}),)

    def document(self, mark):
        return Document(contract="c", data={"memo": mark})

    async def effects(self, key, document):
        return [key for kept in BOOKS["a"] if kept == key]


class TestOurs(SinkConformance):
    connector = OURS
    waivers = {"35": "it has no texts"}

    @pytest.fixture
    def partner(self):
        @asynccontextmanager
        async def open_partner():
            BOOKS["a"] = {}
            yield Partner()

        return open_partner
"""


def kit(folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-rsf", "-p", "no:cacheprovider", "--tb=line", "."],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{folder}"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.stdout


def test_an_outside_author_needs_a_class_and_a_fixture(tmp_path):
    (tmp_path / "ours.py").write_text(CONNECTOR, encoding="utf-8")
    (tmp_path / "test_ours.py").write_text(CASE, encoding="utf-8")
    told = kit(tmp_path)
    assert " failed" not in told
    assert (
        "row 24 (a lost reply is unknown, the next try finds one effect): not applicable" in told
    )
    assert "it has no texts" in told

    broken = CONNECTOR.replace("KEEPS_NUMBERS = True", "KEEPS_NUMBERS = False")
    (tmp_path / "ours.py").write_text(broken, encoding="utf-8")
    told = kit(tmp_path)
    assert "1 failed" in told
    assert "row 23 (a replay finds the first effect and its number): violated" in told
