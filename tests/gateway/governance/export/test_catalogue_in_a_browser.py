"""The catalogue in headless Chromium, from a disk: it looks right, searches, and lets nothing else run.

The pictures are left in pytest's temporary folder; `--basetemp` keeps them for a person to look at.
"""

import os
import re
import struct
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.governance.export import Published, catalogue
from tests.gateway.governance.export.invented import PARCEL, later

pytestmark = pytest.mark.slow

Pixel = tuple[int, int, int]
LIGHT, DARK = (0xFB, 0xFA, 0xF8), (0x15, 0x18, 0x1B)
ACCENT = (0x0B, 0x66, 0x5F)
DARK_SCHEME = "--blink-settings=preferredColorScheme=0"


class Browser:
    """One Chromium a page; `console` is what pages complained of."""

    def __init__(self, program: str, folder: Path) -> None:
        self.program = program
        self.folder = folder
        self.console = ""

    def run(self, url: str, *options: str) -> str:
        done = subprocess.run(
            [
                self.program,
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--hide-scrollbars",
                "--no-first-run",
                "--enable-logging=stderr",
                "--host-resolver-rules=MAP * ~NOTFOUND",
                "--virtual-time-budget=1000",
                f"--user-data-dir={self.folder / 'profile'}",
                *options,
                url,
            ],
            capture_output=True,
            text=True,
            timeout=150,
            check=True,
            env={**os.environ, "HOME": str(self.folder)},
        )
        self.console += "\n".join(re.findall(r".*CONSOLE.*", done.stderr))
        return done.stdout

    def shown(self, page: Path, query: str = "") -> str:
        return self.run(f"file://{page}{query}", "--dump-dom")

    def picture(self, page: Path, name: str, width: int, height: int, *options: str) -> "Picture":
        file = self.folder / f"{name}.png"
        size = f"--window-size={width},{height}"
        self.run(f"file://{page}", f"--screenshot={file}", size, *options)
        return Picture(file)


class Picture:
    """The pixels of a PNG of 8 bits a channel, as a browser writes it (PNG 1.2, 6 and 9)."""

    def __init__(self, file: Path) -> None:
        data = file.read_bytes()
        packed, place = b"", 8
        while place < len(data):
            size, kind = struct.unpack(">I4s", data[place : place + 8])
            body = data[place + 8 : place + 8 + size]
            if kind == b"IHDR":
                self.width, self.height, depth, colour = struct.unpack(">IIBB", body[:10])
                assert depth == 8
                self.channels = {2: 3, 6: 4}[colour]
            if kind == b"IDAT":
                packed += body
            place += size + 12
        self.rows = self._unfiltered(zlib.decompress(packed))

    def _unfiltered(self, raw: bytes) -> list[bytearray]:
        step, size = self.channels, self.width * self.channels
        rows: list[bytearray] = []
        above = bytearray(size)
        for start in range(0, len(raw), size + 1):
            kind, row = raw[start], bytearray(raw[start + 1 : start + 1 + size])
            if kind == 2:
                row = bytearray((a + b) & 255 for a, b in zip(row, above, strict=True))
            elif kind:
                for i in range(size):
                    left = row[i - step] if i >= step else 0
                    corner = above[i - step] if i >= step else 0
                    row[i] = (row[i] + self._guess(kind, left, above[i], corner)) & 255
            rows.append(row)
            above = row
        return rows

    @staticmethod
    def _guess(kind: int, left: int, up: int, corner: int) -> int:
        if kind == 1:
            return left
        if kind == 3:
            return (left + up) // 2
        near = left + up - corner
        return min(
            (abs(near - left), 0, left), (abs(near - up), 1, up), (abs(near - corner), 2, corner)
        )[2]

    def at(self, x: int, y: int) -> Pixel:
        start = x * self.channels
        red, green, blue = self.rows[y][start : start + 3]
        return red, green, blue

    def column(self, x: int) -> set[Pixel]:
        return {self.at(x, y) for y in range(self.height)}

    def share(self, colour: Pixel) -> float:
        """How much of the picture is that colour, looked at in every fourth row."""
        rows = range(0, self.height, 4)
        same = sum(self.at(x, y) == colour for y in rows for x in range(self.width))
        return same / (len(rows) * self.width)


@pytest.fixture(scope="module")
def browser(
    require_program: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Browser:
    return Browser(require_program("chromium"), tmp_path_factory.mktemp("browser"))


@pytest.fixture(scope="module")
def site(contracts: list[Published], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    for name, body in catalogue([*contracts, PARCEL, later()]).items():
        target = folder / name
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(body)
    return folder


def rows_shown(text: str) -> list[str]:
    """The names in the rows that are not hidden."""
    rows = re.findall(r"<tr role=\"row\"([^>]*)>(.*?)</tr>", text, re.DOTALL)
    return [
        re.sub(r"<[^>]*>", "", body.partition("</th>")[0]).split()[0]
        for given, body in rows
        if "data-text" in given and " hidden" not in given
    ]


def test_the_overview_looks_right_wide_narrow_and_dark(browser: Browser, site: Path) -> None:
    page = site / "index.html"
    wide = browser.picture(page, "overview", 1280, 720)
    assert (wide.width, wide.height) == (1280, 720)
    narrow = browser.picture(page, "overview-narrow", 500, 900)
    dark = browser.picture(page, "overview-dark", 1000, 600, DARK_SCHEME)
    assert wide.at(2, 2) == narrow.at(2, 2) == LIGHT
    assert dark.at(2, 2) == DARK
    for picture, paper in ((wide, LIGHT), (narrow, LIGHT), (dark, DARK)):
        assert 0.6 < picture.share(paper) < 0.97, "there is text, and room around it"
        assert picture.column(picture.width - 3) == {paper}, "nothing runs over the edge"
    assert wide.share(ACCENT) > 0.0005, "links and marks have their colour"


def test_a_contract_looks_right_wide_and_narrow(browser: Browser, site: Path) -> None:
    page = site / "remittance-advice/1.0.0.html"
    for name, width, height in (("contract", 1280, 720), ("contract-narrow", 500, 900)):
        picture = browser.picture(page, name, width, height)
        assert 0.5 < picture.share(LIGHT) < 0.97
        assert picture.column(picture.width - 3) == {LIGHT}


def test_a_search_finds_contracts_and_fields_from_a_disk(browser: Browser, site: Path) -> None:
    everything = browser.shown(site / "index.html")
    assert len(rows_shown(everything)) > 5
    found = browser.shown(site / "index.html", "?find=PATIENT_control+claims")
    assert "Remittance" in rows_shown(found)
    assert "Parcel" not in rows_shown(found)
    assert "<code>claims[].patient_control_number</code>" in found
    assert re.search(r"\d+ of \d+ versions", found)
    fields = browser.shown(site / "parcel/1.0.0.html", "?find=who+gets")
    assert rows_shown(fields) == ["to"]
    assert "1 of 6 fields" in fields
    assert browser.console == ""


def test_a_page_somebody_changed_runs_nothing(browser: Browser, site: Path) -> None:
    page = site / "changed.html"
    text = (site / "index.html").read_text(encoding="utf-8")
    page.write_text(text.replace('"use strict";', '"use strict"; document.title = "owned";'))
    before, browser.console = browser.console, ""
    shown = browser.shown(page)
    assert "<title>Contracts of RemitHub</title>" in shown
    assert "Content Security Policy" in browser.console
    browser.console = before
