"""T-POI: one in a hundred is poison of twenty kinds; it stops nobody, and replaying it stops nothing."""

import asyncio
import io
import json
import statistics
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.simulators.remittances import generate_835
from tests.proofs.branches import Branch, branches
from tests.proofs.hub_process import HubProcess, running
from tests.proofs.traffic import Traffic, document, write_root

ONE_IN = 100
LOSS = 0.05
BIG = 10 * 1024 * 1024

REMITS = """\
interface: remits
direction: in
format: x12-835
mapping: x12-835-to-remittance-advice
production: false
"""

Poison = Callable[[int], bytes]


def changed(**values: Any) -> Poison:
    """A document with something else at those dotted places (`__` for a dot)."""

    def make(number: int) -> bytes:
        made = document(number, "live")
        for path, value in values.items():
            *parents, last = path.split("__")
            inner = made
            for name in parents:
                inner = inner[name]
            inner[last] = value
        return json.dumps(made).encode()

    return make


def text(make: Callable[[str], str]) -> Poison:
    """A document whose text was worked over."""
    return lambda number: make(json.dumps(document(number, "live"))).encode(
        "utf-8", "surrogatepass"
    )


def remittance(old: bytes, new: bytes, **options: Any) -> Poison:
    """A remittance in which something was exchanged."""

    def make(number: int) -> bytes:
        raw = b"".join(
            generate_835(payments=1, seed=number, claims_per_payment=2, usage="T", **options)
        )
        assert old in raw
        return raw.replace(old, new, 1)

    return make


DOCUMENTS: dict[str, Poison] = {
    "nested_without_end": text(lambda t: t[:-1] + ', "x": ' + "[" * 50_000 + "]" * 50_000 + "}"),
    "ten_megabytes_of_one_value": changed(payer__name="X" * BIG),
    "bad_charset": lambda number: (
        json.dumps(document(number, "live")).encode()[:-1] + b', "\xff": 1}'
    ),
    "not_a_number": text(lambda t: t.replace('"amount": "1200.00"', '"amount": NaN')),
    "beyond_all_amounts": text(lambda t: t.replace('"amount": "1200.00"', '"amount": 1e308')),
    "wrong_currency": changed(currency="ZZZZ"),
    "no_balance": changed(balance=None),
    "one_key_twice": text(lambda t: t[:-1] + ', "claims": [1]}'),
    "cut_off": lambda number: json.dumps(document(number, "live")).encode()[:-40],
    "nothing": lambda number: b" " * (number % 997 + 1),
    "a_list": lambda number: json.dumps([number]).encode(),
}
REMITTANCES: dict[str, Poison] = {
    "segment_of_ten_megabytes": remittance(b"~N3*", b"~N3*" + b"X" * BIG),
    "wrong_segment_count": remittance(b"~SE*", b"~SE*9"),
    "wrong_set_count": remittance(b"~GE*1*", b"~GE*7*"),
    "wrong_control_number": remittance(b"~", b"~", fault="control_mismatch"),
    "amount_not_a_number": remittance(b"~", b"~", fault="bad_amount"),
    "truncated": remittance(b"~", b"~", fault="truncated"),
    "out_of_balance": remittance(b"~", b"~", fault="out_of_balance"),
    "no_trace": remittance(b"~", b"~", fault="missing_trace"),
    "negative_claim": remittance(b"~CLP*", b"~CLP*-1*-1*-1*-1*"),
    "isa_in_the_middle": remittance(b"~BPR*", b"~ISA*00*BPR*"),
    "foreign_characters": remittance(b"~N1*PR*", b"~N1*PR*\xff\xfe\x00"),
}

HARMLESS = {"foreign_characters"}
"""A payer's name may hold them; the bytes are kept as they are."""


class Poisoner:
    """Hands over poison of every kind in turn. It is made before it is given: what the making
    costs is not the hub's."""

    def __init__(self, hub: HubProcess) -> None:
        self.hub = hub
        kinds = [("feed", name, make) for name, make in DOCUMENTS.items()]
        kinds += [("remits", name, make) for name, make in REMITTANCES.items()]
        self.kinds = kinds
        self.artifacts: dict[str, str] = {}
        """By artifact, the kind."""
        self._next = 0
        self._made: deque[tuple[str, str, bytes]] = deque()

    def make(self, doses: int) -> None:
        """Have so many ready."""
        for _ in range(doses):
            interface, name, make = self.kinds[self._next % len(self.kinds)]
            self._next += 1
            self._made.append((interface, name, make(500_000 + self._next)))

    async def one(self) -> None:
        if not self._made:
            self.make(1)
        interface, name, raw = self._made.popleft()
        target = f"{self.hub.url}/v1/interfaces/{interface}/files"
        async with self.hub.session.post(target, data=io.BytesIO(raw)) as answer:
            assert answer.status == 202, (name, answer.status)
            self.artifacts[(await answer.json())["artifact_id"]] = name

    async def verdicts(self) -> dict[str, str]:
        """Return by kind how it ended: where every part of it stands, or the whole."""
        found: dict[str, str] = {}
        for artifact, name in self.artifacts.items():
            shown = await self._settled(artifact)
            states = {part["state"] for part in shown["parts"]}
            found[name] = "+".join(sorted(states)) or shown["processing"]["state"]
        return found

    async def _settled(self, artifact: str) -> Any:
        async with asyncio.timeout(60):
            while True:
                shown = await self.hub.get(f"/v1/artifacts/{artifact}")
                if shown["processing"]["state"] not in ("owed", "waiting"):
                    return shown
                await asyncio.sleep(0.05)


async def poisoned(root: Path, *, rounds: int, burst: int) -> dict[str, Any]:
    """Burst after burst, clean and poisoned in turns; return the figures."""
    async with branches(live=Branch()) as city:
        write_root(root, {"live": city.sink("live")})
        (root / "config/interfaces/remits.yaml").write_text(REMITS)
        async with running(root) as hub:
            traffic, poisoner = Traffic(city), Poisoner(hub)
            await traffic.burst(hub, 100, to=("live",))  # to be warm
            alive = hub.processes()
            shares: list[float] = []
            for number in range(rounds):
                rates = {}
                for kind in ("clean", "poisoned") if number % 2 else ("poisoned", "clean"):
                    doses = max(1, burst // ONE_IN) if kind == "poisoned" else 0
                    poisoner.make(doses)
                    given = asyncio.gather(*(poisoner.one() for _ in range(doses)))
                    rates[kind] = await traffic.burst(hub, burst, to=("live",))
                    await given
                shares.append(rates["poisoned"] / rates["clean"])
            while len(poisoner.artifacts) < len(poisoner.kinds):
                await poisoner.one()
            verdicts = await poisoner.verdicts()
            effects = city["live"].effects.total()
            for _ in range(3):
                for state in ("dead", "held"):
                    status, _answer = await hub.post("/v1/set-aside/replay", {"state": state})
                    assert status == 200, _answer
                await poisoner.verdicts()
            await traffic.burst(hub, 50, to=("live",))
            assert hub.processes() == alive, "a worker was started anew"
            assert city["live"].effects.total() == effects + 50, "poison became a delivery"
            assert city["live"].doubled == 0
    let_through = {kind for kind, verdict in verdicts.items() if "accepted" in verdict}
    assert let_through <= HARMLESS
    return {
        "kinds": len(poisoner.kinds),
        "given": len(poisoner.artifacts),
        "share_of_throughput": statistics.median(shares),
        "let_through": sorted(let_through),
    }


@pytest.mark.slow
async def test_poison_stops_nobody_and_its_replay_stops_nothing(tmp_path, report):
    figures = await poisoned(tmp_path, rounds=1, burst=300)
    report("T-POI", **figures)


@pytest.mark.soak
async def test_one_in_a_hundred_poisoned_costs_no_throughput(tmp_path, report):
    figures = await poisoned(tmp_path, rounds=40, burst=1000)
    report("T-POI", **figures)
    assert figures["share_of_throughput"] >= 1 - LOSS - 0.02, "two points for a machine's noise"
