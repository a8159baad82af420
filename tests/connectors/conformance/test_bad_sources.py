"""Each source below has one fault, and the kit names the row that it breaks."""

import base64
import hashlib
import logging
import os
from typing import Annotated

import msgspec
import pytest
from msgspec import Meta

from connectors.base import Offer, SourceFault, Verdict
from connectors.conformance import SourceConformance
from connectors.conformance.rows import Verdict as Ended
from tests.connectors.conformance.shelf import (
    SAMPLE,
    Settings,
    ShelfSource,
    open_shelf,
    source_spec,
)


class OffersWhatGrows(ShelfSource):
    def ready(self):
        things = self.shelf.things.values() if self.shelf else ()
        self.seen = {self.entry(thing): -1e9 for thing in things}
        return super().ready()


class KnowsNamesOnly(ShelfSource):
    def fingerprint(self, thing):
        return thing.name


class KnowsContentOnly(ShelfSource):
    def fingerprint(self, thing):
        return hashlib.sha256(thing.content).hexdigest()


class KnowsItsOwnRunOnly(ShelfSource):
    def fingerprint(self, thing):
        return f"{id(self):x}{super().fingerprint(thing)}"


class HandsOverWhatItGot(ShelfSource):
    async def fetch(self, offer):
        try:
            async for block in super().fetch(offer):
                yield block
        except SourceFault:
            return


class FetchesOnce(ShelfSource):
    async def fetch(self, offer):
        begun = offer.ref in self.decided
        self.decided.add(offer.ref)
        async for block in super().fetch(offer):
            yield block[: len(block) // 2] if begun else block


class FetchesAnythingOfTheName(ShelfSource):
    async def fetch(self, offer):
        thing = self.shelf.things.get(offer.name)
        yield thing.content if thing else b""


class ForgetsToTakeAway(ShelfSource):
    async def settle(self, offer, verdict):
        """Leaves it, and offers it again."""


class SettlesOnce(ShelfSource):
    async def settle(self, offer, verdict):
        if self.thing_of(offer) is None:
            raise KeyError(offer.name)
        await super().settle(offer, verdict)


class TakesAwayTheRefused(ShelfSource):
    async def settle(self, offer, verdict):
        await super().settle(offer, Verdict.ACCEPTED)


class LooksOnlyAhead(ShelfSource):
    newest: dict = {}  # noqa: RUF012  - a cursor that outlives the source, as a file would

    def ready(self):
        cursor = self.newest.get(self.settings.shelf, 0)
        return [thing for thing in super().ready() if thing.changed > cursor]

    async def settle(self, offer, verdict):
        thing = self.thing_of(offer)
        if thing is not None:
            self.newest[self.settings.shelf] = thing.changed
        await super().settle(offer, verdict)


class ShowsTheFirstPageOnly(ShelfSource):
    def ready(self):
        return [thing for thing in super().ready() if not thing.name.startswith("0001")]


class Hoards(ShelfSource):
    def ready(self):
        things = super().ready()
        self.held = [bytes(10_000) for _ in things]
        return things


class OpensAndForgets(ShelfSource):
    held: list = []  # noqa: RUF012  - that is the fault

    def __init__(self, settings, context):
        super().__init__(settings, context)
        self.held.append(os.open("/dev/null", os.O_RDONLY))


class WritesWhenChecked(ShelfSource):
    async def check(self):
        if self.shelf:
            await self.shelf.put("probe.tmp", b"")
        return await super().check()


class FindsNothingWrong(ShelfSource):
    async def check(self):
        report = await super().check()
        return msgspec.structs.replace(report, probes=report.probes[:1])


class LogsItsPassword(ShelfSource):
    def ready(self):
        logging.getLogger("shelf").debug("signing in with %s", self.password)
        return super().ready()


class LogsItsHeader(ShelfSource):
    def ready(self):
        header = base64.b64encode(f"reader:{self.password}".encode()).decode()
        logging.getLogger("shelf").debug("Authorization: Basic %s", header)
        return super().ready()


class LogsTheContent(ShelfSource):
    async def fetch(self, offer):
        async for block in super().fetch(offer):
            logging.getLogger("shelf").info("%r", block[:100])
            yield block


class LosesItsTemper(ShelfSource):
    async def discover(self):
        for number, thing in enumerate(self.ready()):
            yield Offer(ref="", fingerprint=str(number), name=thing.name)


class Plain(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Takes things from a shelf."""

    shelf: Annotated[str, Meta(description="Name of the shelf.")]
    password: Annotated[str, Meta(description="Password of the shelf.")]
    settle_seconds: Annotated[float, Meta(description="Unchanged for this long.")] = 5.0


class Loose(Settings, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """Takes things from a shelf."""


class Wordless(Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Takes things from a shelf."""

    depth: int = 3


SLOW_ROWS = {"19"}
"""Ten thousand things: run where a source's fault shows there."""


def violated(spec, *, slow: bool = False) -> dict[str, str]:
    case = type("Case", (SourceConformance,), {"connector": spec})
    numbers = [one.number for one in case.rows if slow or one.number not in SLOW_ROWS]
    return {
        finding.number: finding.reason
        for finding in case.findings(open_shelf, *numbers)
        if finding.verdict is Ended.VIOLATED
    }


def test_a_good_source_violates_nothing_and_every_row_applies():
    case = type("Case", (SourceConformance,), {"connector": source_spec()})
    ends = {finding.number: str(finding) for finding in case.findings(open_shelf)}
    assert [text for text in ends.values() if not text.endswith("passed")] == []


@pytest.mark.parametrize(
    ("bad", "rows"),
    [
        (OffersWhatGrows, {"11"}),
        (KnowsNamesOnly, {"12"}),
        (KnowsContentOnly, {"13"}),
        (KnowsItsOwnRunOnly, {"15"}),
        (HandsOverWhatItGot, {"14a", "16b"}),
        (FetchesOnce, {"14", "14a"}),
        (FetchesAnythingOfTheName, {"14a", "16b"}),
        (ForgetsToTakeAway, {"10", "13", "15", "16", "16a", "17", "18"}),
        (SettlesOnce, {"16", "16b"}),
        (TakesAwayTheRefused, {"16a"}),
        (LooksOnlyAhead, {"12", "16a", "17"}),
        (ShowsTheFirstPageOnly, {"18"}),
        (OpensAndForgets, {"7"}),
        (WritesWhenChecked, {"8"}),
        (FindsNothingWrong, {"8a"}),
        (LogsItsPassword, {"9"}),
        (LogsItsHeader, {"9"}),
        (LogsTheContent, {"9"}),
    ],
)
def test_the_kit_names_the_rows_that_a_bad_source_breaks(bad, rows):
    found = violated(source_spec(bad))
    assert set(found) == rows, found


def test_the_kit_names_a_source_that_hoards():
    assert set(violated(source_spec(Hoards), slow=True)) == {"19"}


def test_no_reason_shows_a_secret_or_a_content():
    for bad in (LogsItsPassword, LogsTheContent, LosesItsTemper):
        assert "Q7" not in str(violated(source_spec(bad)))


@pytest.mark.parametrize(
    ("spec", "rows"),
    [
        (source_spec(settings=Plain), {"2"}),
        (source_spec(settings=Loose), {"1", "2a"}),
        (source_spec(settings=Wordless), {"2"}),
        (source_spec(samples={}), {"5"}),
        (source_spec(samples={"a.yaml": SAMPLE + "depth: 3\n"}), {"5"}),
        (msgspec.structs.replace(source_spec(), name="Shelf Two"), {"1"}),
    ],
)
def test_the_kit_names_what_is_wrong_with_a_manifest(spec, rows):
    assert set(violated(spec)) == rows


def test_a_waiver_needs_a_reason_to_be_there():
    case = type("Case", (SourceConformance,), {"connector": source_spec()})
    case.waivers = {"10": "never needed"}
    [finding] = case.findings(open_shelf, "10")
    assert (finding.verdict, finding.reason) == (Ended.VIOLATED, "it passes: drop the waiver")
    case.connector, case.waivers = source_spec(Hoards), {"19": "a short list, always"}
    [finding] = case.findings(open_shelf, "19")
    assert finding.verdict is Ended.NOT_APPLICABLE
    assert "a short list, always" in finding.reason
