"""The catalogue: complete, deterministic, standing alone, and safe whatever a contract says."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import Any

import msgspec
import pytest

from gateway.governance.docs import contract_fields
from gateway.governance.export import Published, catalogue
from gateway.governance.export.changes import changes
from gateway.governance.export.page import make_page, written_day
from tests.gateway.governance.export.invented import PARCEL, later

VOID = {"meta", "input", "wbr", "link", "br"}


class Reader(HTMLParser):
    """Checks that what opens is closed, and keeps elements, ids, links and text."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page.decode())
        self.close()
        assert self.open == []
        self.ids = [str(given["id"]) for _, given in self.elements if "id" in given]
        self.links = [str(given["href"]) for tag, given in self.elements if tag == "a"]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def files(contracts: list[Published]) -> dict[str, bytes]:
    documents = {"openapi.json": ("the API", {"openapi": "3.1.0"})}
    return catalogue([*contracts, PARCEL, later()], documents=documents)


@pytest.fixture(scope="module")
def pages(files: dict[str, bytes]) -> dict[str, Reader]:
    return {name: Reader(body) for name, body in files.items() if name.endswith(".html")}


def flat(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def test_every_version_has_a_page_a_schema_and_an_odcs_document(
    files: dict[str, bytes], contracts: list[Published]
) -> None:
    for one in [*contracts, PARCEL, later()]:
        assert f"{one.identity}.html" in files
        assert json.loads(files[f"{one.identity}.schema.json"]) == one.schema
        assert json.loads(files[f"{one.identity}.odcs.json"])["version"] == one.version
    assert json.loads(files["openapi.json"]) == {"openapi": "3.1.0"}


def test_two_runs_give_the_same_bytes_whatever_the_order(contracts: list[Published]) -> None:
    given = [*contracts, PARCEL, later()]
    assert catalogue(given) == catalogue(reversed(given))


def test_every_link_leads_to_a_file_or_a_place_of_the_site(
    files: dict[str, bytes], pages: dict[str, Reader]
) -> None:
    seen = 0
    for name, page in pages.items():
        assert len(page.ids) == len(set(page.ids)), name
        folder = name.rpartition("/")[0]
        for link in page.links:
            assert ":" not in link, "a link that leaves the site"
            path, _, place = link.partition("#")
            target = name if not path else path.removeprefix("../") if "../" in path else (
                f"{folder}/{path}" if folder else path
            )  # fmt: skip
            assert target in files, f"{name}: {link}"
            assert not place or place in pages[target].ids, f"{name}: {link}"
            seen += 1
    assert seen > 50


def test_nothing_is_fetched_and_only_our_own_style_and_script_may_run(
    files: dict[str, bytes], pages: dict[str, Reader]
) -> None:
    for name, page in pages.items():
        tags = {tag for tag, _ in page.elements}
        assert not tags & {"link", "img", "iframe", "object", "embed", "base", "video", "svg"}, (
            name
        )
        for tag, given in page.elements:
            assert not {"src", "style", "srcset"} & set(given), f"{name}: {tag}"
            assert not any(key.startswith("on") for key in given), f"{name}: {tag}"
        policy = next(given["content"] or "" for tag, given in page.elements
                      if given.get("http-equiv") == "Content-Security-Policy")  # fmt: skip
        assert policy.startswith("default-src 'none'; ")
        assert "unsafe" not in policy
        text = files[name].decode()
        for tag in ("style", "script"):
            (body,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
            digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
            assert f"{tag}-src 'sha256-{digest}'" in policy, name


def test_a_page_can_be_read_by_ear_and_by_keyboard(pages: dict[str, Reader]) -> None:
    for name, page in pages.items():
        elements = page.elements
        assert ("html", {"lang": "en"}) in elements
        assert [tag for tag, _ in elements].count("h1") == 1, name
        levels = [int(tag[1]) for tag, _ in elements if re.fullmatch(r"h[1-6]", tag)]
        assert all(b - a <= 1 for a, b in zip([0, *sorted(levels)], sorted(levels), strict=False))
        assert next(given for tag, given in elements if tag == "a")["href"] == "#main", name
        labels = {given.get("for") for tag, given in elements if tag == "label"}
        for tag, given in elements:
            if tag == "input" and given.get("type") == "search":
                assert given["id"] in labels
            if tag == "th":
                assert given.get("scope") in {"row", "col"}, name
            if tag == "pre":
                assert given.get("tabindex") == "0", name
                assert given.get("aria-label"), name
            if "aria-labelledby" in given:
                assert given["aria-labelledby"] in page.ids, name
        assert [tag for tag, _ in elements].count("table") == [t for t, _ in elements].count(
            "caption"
        )


def test_a_page_says_what_the_contract_says(
    pages: dict[str, Reader], contracts: list[Published]
) -> None:
    for one in contracts:
        page = pages[f"{one.identity}.html"]
        text = flat(page.text)
        rows = [given for tag, given in page.elements if tag == "tr" and "data-only" in given]
        assert len(rows) == len(contract_fields(one.schema)), one.identity
        for said in (one.title, one.identity, one.owner, one.support, *one.events):
            assert said in text, f"{one.identity}: {said}"
        assert f"{one.media_type}; version={one.major}" in text
        assert len(one.examples) == [tag for tag, _ in page.elements].count("details")


def test_the_overview_lists_every_version_with_state_promise_and_sunset(
    pages: dict[str, Reader], contracts: list[Published]
) -> None:
    overview = pages["index.html"]
    rows = [given for tag, given in overview.elements if tag == "tr" and "data-state" in given]
    assert len(rows) == len(contracts) + 2
    text = flat(overview.text)
    assert "within 15 minutes, every day" in text
    assert "Next sunset31 January 2027" in text
    assert "payment.trace_number" in text, "the index of fields"


def test_a_deprecated_version_says_where_to_go_and_until_when(pages: dict[str, Reader]) -> None:
    old, new = pages["parcel/1.0.0.html"], pages["parcel/2.0.0.html"]
    assert "New callers are refused from 31 January 2027. Move to 2.0.0." in flat(old.text)
    assert "2.0.0.html" in old.links
    assert "1.0.0.html" in new.links
    steps = [given for tag, given in old.elements if given.get("aria-current") == "step"]
    assert steps == [{"class": "now", "aria-current": "step"}]
    assert "This is the first version." in flat(old.text)
    said = flat(new.text)
    assert "From 1.0.0 to 2.0.0" in said
    assert "removed to Was optional: text." in said


def test_what_a_contract_says_is_never_markup() -> None:
    nasty = "</script><script>alert(1)</script><b onclick=x>\"'&"
    schema = json.loads(json.dumps(PARCEL.schema))
    schema["description"] = nasty
    schema["properties"]["to"]["description"] = nasty
    schema["properties"]["kind"]["enum"] = [nasty]
    hostile = msgspec.structs.replace(PARCEL, schema=schema, title=nasty, owner=nasty)
    made = catalogue([hostile], duplicates=[nasty])
    for name, body in made.items():
        if name.endswith(".html"):
            page = Reader(body)
            assert [tag for tag, _ in page.elements].count("b") == 0
            scripts = [given for tag, given in page.elements if tag == "script"]
            assert len(scripts) == (2 if name == "index.html" else 1)
            assert nasty in page.text
    (index,) = re.findall(
        r'<script type="application/json" id="index">(.*?)</script>', made["index.html"].decode()
    )
    assert len(json.loads(index)) == len(contract_fields(schema))


def test_only_the_own_copy_says_what_is_built_twice() -> None:
    words = "interfaces 'a' and 'b' both carry parcel in at bank.example:22"
    partner, own, clean = (
        flat(Reader(catalogue([PARCEL], duplicates=given)["index.html"]).text)
        for given in (None, [words], [])
    )
    assert "Built twice" not in partner
    assert words in own
    assert "no mapping is there under two names" in clean


def test_a_change_is_said_field_by_field() -> None:
    found = {(one.kind.value, one.path): one.words for one in changes(PARCEL, later())}
    assert found == {
        ("removed", "to"): "Was optional: text.",
        ("added", "size"): "Optional: text. How big.",
        (
            "changed",
            "weight",
        ): "Is optional now. Was integer, is text. Reads now: Weight in words.",
        ("changed", "kind"): "Is required now.",
    }
    assert changes(PARCEL, PARCEL) == []


@pytest.mark.parametrize(
    ("service", "words"),
    [
        ({}, ""),
        ({"latency_seconds": 1}, "within 1 second"),
        ({"latency_seconds": 90}, "within 90 seconds"),
        (
            {"latency_seconds": 86400, "frequency": "business_daily"},
            "within 1 day, every business day",
        ),
        ({"availability_percent": "99.9"}, "99.9 % of the time"),
        ({"rows_most": 5}, "rows most 5"),
    ],
)
def test_a_promise_is_in_words(service: dict[str, Any], words: str) -> None:
    assert make_page(msgspec.structs.replace(PARCEL, service=service), [PARCEL]).promise == words


@pytest.mark.parametrize(
    ("days", "words"),
    [(2557, "7 years"), (365, "1 year"), (30, "30 days"), (1, "1 day"), (0, "not said")],
)
def test_how_long_it_is_kept_is_in_words(days: int, words: str) -> None:
    kept = msgspec.structs.replace(PARCEL, retention_days=days)
    assert make_page(kept, [kept]).kept == words


def test_a_day_is_written_for_people_and_nonsense_stays_as_it_is() -> None:
    assert written_day("2026-01-05T00:00:00Z") == "5 January 2026"
    assert written_day("soon") == "soon"
