"""F-FUZZ: whatever bytes a reader is given: only its declared errors, soon, and in bounded memory.

Readers of what partners send end with parts and never with an exception; those of the root folder,
which people write, with a configuration or a ConfigError. Chance is seeded: a failure names the
case. `damaged` and what is judged of an 835 stand beside the tests of that format.
"""

import random
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec
import pytest

from gateway.access import must_make_sense
from gateway.errors import ConfigError
from gateway.formats import READERS, Origin
from gateway.governance.compat.waivers import waivers_of
from gateway.pipeline import compile_bundle
from gateway.registry import Registry
from gateway.settings import read_config
from tests.gateway.formats.x12.conftest import _read as read_835
from tests.gateway.formats.x12.test_mutations import bases, damaged, judged
from tests.gateway.formats.x12.test_worst_inputs import WORST
from tests.proofs.traffic import EXAMPLE

CPU_SECONDS = 4
"""For any input of a megabyte, twice what F-FUZZ allows: others use the machine too. Most take a
tenth of one, the dearest known 1.8; what grows faster than its input takes minutes."""

PEAK_MB = 512
MEGABYTE = 1_000_000
ORIGIN = Origin(tenant_id="t1", interface="feed", artifact_id="art_1", sha256="0" * 64)
EXACT = msgspec.json.Encoder(decimal_format="number")

ROOT = {
    "config/hub.yaml": "tenant: hilltop\ntime_zone: America/Chicago\napi: {port: 0}\n",
    "config/interfaces/feed.yaml": """\
interface: feed
title: "Orders: all of them"
direction: in
format: json
mapping: order-to-thing
concurrency: 2
""",
    "config/interfaces/till.yaml": """\
interface: till
direction: out
connector: http_api
accepts: thing@^1.0
retry: {schedule_seconds: [0, 1.5, 60], jitter: 0.2}
settings:
  base_url: https://till.example:8443
  idempotency: {mode: key}
  deliver:
    steps: [{id: send, request: {path: "/things/${in.id}", headers: {X-Key: "${key}"}}}]
    result: {external_id: "${steps.send.body.id|optional}"}
""",
    "config/routes.yaml": """\
routes:
  - {name: large, contract: thing, to: till, when: 'amount > 100.00 and kind in ["a", "b"]'}
""",
    "contracts/thing/contract.yaml": """\
id: com.example.thing
name: thing
title: Thing  # short
owner: team
support: desk
status: draft
compatibility: FULL_TRANSITIVE
classification: internal
retention_days: 30
versions:
  "1.0.0": {status: active, author: anna, active_at: "2026-05-12T08:30:00Z"}
index: {correlation: id, amount: amount}
""",
    "contracts/thing/1.0.0/schema.json": """\
{"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "https://c.example/thing",
 "title": "Thing", "type": "object", "required": ["id", "amount"],
 "properties": {
  "id": {"type": "string", "maxLength": 40, "x-phi": {"class": "none"}},
  "kind": {"enum": ["a", "b", "c"], "x-phi": {"class": "none"}},
  "amount": {"$ref": "#/$defs/money"},
  "parts": {"type": "array", "items": {"$ref": "#/$defs/money"}, "maxItems": 9}},
 "$defs": {"money": {"type": "string", "pattern": "^-?(0|[1-9][0-9]{0,12})\\\\.[0-9]{2}$",
  "x-money": {"scale": 2}, "x-phi": {"class": "none"}}}}
""",
    "contracts/waivers.yaml": """\
- fingerprint: 1f0c
  reason: nobody reads it
  approver: ann
  expires: "2026-12-31"
""",
    "mappings/order-to-thing/mapping.yaml": """\
mapping: order-to-thing
version: 1.0.0
description: An order as a thing.
source: {contract: thing, version: "^1.0"}
target: {contract: thing, version: "^1.0"}
lookups:
  kinds: {table: tables/kinds.csv, key: from, value: to}
let:
  half: round_half_up(amount / 2, 2)
fields:
  id: concat("x", upper(id))
  kind: lookup(kinds, kind? ?? "a")
  amount: half + half if half > 0.00 else amount
  parts:
    - each: part in parts?
      when: part != 0.00
      row: part
""",
    "mappings/order-to-thing/tables/kinds.csv": 'from,to\na,b\n"b",c\n*,a\n',
}
ODD = (
    *(b"", b"0", b"-1", b"1e99999999999999999999", b"9" * 5000, b"null", b"true", b"NaN"),
    *(b"[]", b"{}", b"[" * 2000, b'{"a":' * 2000, b"x" * 100_000, b"2026-13-45", b"12:00:61"),
    *(b"\0", b"\xff", b"\xc3\xa9", b"\\ud800", b"\xef\xbb\xbf", b"\xe2\x80\xa8", b"../../x", b"~"),
    *(
        b"${env:NOBODY}",
        b"${secret:x",
        b"((a+)+)+$",
        b"(?<x",
        b"&a [*a]",
        b"!!python/none",
        b"---",
    ),
)
BITS = {
    "835": b"~*:\n\r\0 ISAGSTE|>\xff",
    "yaml": b"\n :-#{}[]\"'|>&*!%@`,?$\t\0\xff\xc3=9~.e_",
    "json": b'{}[]",:\\u\n\0\xff\xed09-+.eEtn',
    "csv": b'",\n\r\0\xff*',
}


class TooSlow(BaseException):
    """More CPU than any input may cost; no handler of the code under test stops it."""


@contextmanager
def watched() -> Iterator[None]:
    """Let the block use so much CPU and no more."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@dataclass(frozen=True)
class Reader:
    """What is fuzzed: good inputs, what means something in them, and how they are read."""

    good: tuple[bytes, ...]
    bits: bytes
    read: Callable[[bytes], str]
    """Reads all; returns how that ended, for the count."""
    judge: Callable[[bytes, str], object]
    """Raises AssertionError where what was read is not right."""
    largest: int
    cases: int
    """Of the short cut."""


def of_835(data: bytes) -> str:
    parts = sum(1 for _ in READERS["x12-835"].read(lambda: iter([data]), ORIGIN))
    return "read" if parts else "nothing"


def of_json(data: bytes) -> str:
    (part,) = READERS["json"].read(lambda: iter([data]), ORIGIN)
    return part.error or "read"


def comes_back(data: bytes, place: str) -> None:
    (part,) = READERS["json"].read(lambda: iter([data]), ORIGIN)
    if part.document is None:
        assert part.error == "not_json", place
        return
    again = EXACT.encode(part.document)
    (same,) = READERS["json"].read(lambda: iter([again]), ORIGIN)
    assert same.document == part.document, place


def of_root(root: Path, name: str) -> Callable[[bytes], str]:
    """Return what reads a root folder in which that file holds those bytes."""

    def read(data: bytes) -> str:
        (root / name).write_bytes(data)
        try:
            config = read_config(root / "config", {})
            must_make_sense(config)
            compile_bundle(config, Registry(root))
            waivers_of(root / "contracts/waivers.yaml")
        except ConfigError:
            return "refused"
        return "read"

    return read


def reader_of(name: str, root: Path) -> Reader:
    """Return a reader; `root` is an empty folder."""
    if name == "x12-835":
        return Reader(
            tuple(bases())[:9], BITS["835"], of_835, partial(judged, read_835), MEGABYTE, 50
        )
    if name == "json":
        good = (EXAMPLE.read_bytes(), b'{"a": [1.50, -0.0, 1e3]}')
        return Reader(good, BITS["json"], of_json, comes_back, MEGABYTE, 2000)
    for file, text in ROOT.items():
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text(text)
    read = of_root(root, name)
    assert read(ROOT[name].encode()) == "read"
    bits = BITS[name.rpartition(".")[2]]
    return Reader((ROOT[name].encode(),), bits, read, lambda *_: None, 20_000, 25)


def nudged(data: bytes, draw: random.Random) -> bytes:
    """Put another word, or something odd, in the place of a word or two."""
    words = re.findall(rb"\w+|\s+|.", data, re.DOTALL)
    for _ in range(draw.randint(1, 3)):
        words[draw.randrange(len(words))] = draw.choice((*words, *ODD))
    return b"".join(words)


def grown(data: bytes, draw: random.Random, largest: int) -> bytes:
    """Repeat a piece of it until it is as large as an input may be."""
    at = draw.randrange(max(1, len(data)))
    piece = data[at : at + draw.choice((1, 3, 40, 400))] or b"x"
    times = (largest - len(data)) // len(piece)
    return data[:at] + piece * times + data[at:]


def fuzzed(reader: Reader, seed: int, enough: Callable[[int], bool]) -> tuple[Counter[str], float]:
    """Read one case after another until there were enough; return how they ended, and the most
    CPU seconds that one took."""
    draw = random.Random(seed)
    ends: Counter[str] = Counter()
    slowest = 0.0
    number = 0
    while not enough(number):
        number += 1
        good = draw.choice(reader.good)
        data = nudged(good, draw) if number % 2 else damaged(good, draw, reader.bits)
        large = number % 50 == 0
        began = time.process_time()
        with watched():
            ends[reader.read(grown(data, draw, reader.largest) if large else data)] += 1
        slowest = max(slowest, time.process_time() - began)
        reader.judge(data, f"case {number} of seed {seed}")
    return ends, slowest


READ = ["x12-835", "json", *ROOT]


@pytest.mark.slow
@pytest.mark.parametrize("name", READ)
def test_damaged_input_ends_as_declared(name: str, tmp_path: Path) -> None:
    reader = reader_of(name, tmp_path)
    ends, _ = fuzzed(reader, 1, lambda number: number >= reader.cases)
    assert ends.total() == reader.cases


@pytest.mark.slow
@pytest.mark.parametrize("name", WORST)
def test_the_dearest_megabytes_known_are_read_in_time(name: str) -> None:
    with watched():
        assert of_835(WORST[name]) == "read"


@pytest.mark.soak
@pytest.mark.parametrize("name", READ)
def test_a_minute_of_damaged_input_ends_as_declared(
    name: str, tmp_path: Path, report: Any
) -> None:
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew (proc(5))
    reader, end = reader_of(name, tmp_path), time.process_time() + 60
    ends, slowest = fuzzed(reader, time.time_ns(), lambda _: time.process_time() >= end)
    status = Path("/proc/self/status").read_text()
    peak = int(status.partition("VmHWM:")[2].split()[0]) / 1024
    report(f"F-FUZZ/{name}", cases=ends.total(), **ends, slowest_seconds=slowest, peak_mb=peak)
    assert peak <= PEAK_MB
