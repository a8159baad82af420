"""What the simulated sources send: invented remittances and documents, a few of them poison."""

import hashlib
import json
import re
from enum import StrEnum
from functools import lru_cache
from typing import Any

import msgspec

from gateway.formats import READERS, Origin
from gateway.model.money import cents_of
from gateway.ports import Randomness
from gateway.simulation.site import Site, bundle_of
from gateway.simulators.remittances import Fault, generate_835

__all__ = ["Item", "Poison", "draw_items"]

POOL = 160
"""Different payments that all worlds draw from; each is made once per process."""


class Poison(StrEnum):
    """What is wrong with an item on purpose."""

    NONE = "none"
    UNREADABLE = "unreadable"
    """Breaks its format or its contract: a dead part."""
    SUSPECT = "suspect"
    """Does not balance: a held part."""
    SAME_PAYMENT = "same_payment"
    """A payment that another item brings too: the later one is held."""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One file or document that a source sends. `cents` are the amounts of its payments, in
    order, empty where nobody can read them."""

    number: int
    interface: str
    raw: bytes
    cents: tuple[int, ...] = ()
    poison: Poison = Poison.NONE

    @property
    def sha256(self) -> str:
        """Return the hash of the bytes."""
        return hashlib.sha256(self.raw).hexdigest()


@lru_cache(maxsize=POOL)
def _advice(number: int) -> bytes:
    """Return one remittance advice as JSON."""
    (document,) = _read(
        b"".join(generate_835(payments=1, seed=9_000 + number, claims_per_payment=2))
    )
    mapping = bundle_of(Site()).sources["feed-835"].mapping
    assert mapping is not None  # noqa: S101 - the site says so
    return msgspec.json.encode(mapping.run(document, _CONTEXT))


_CONTEXT: dict[str, Any] = {
    "tenant_id": "simulated",
    "interface": "feed-json",
    "received_at": "2026-06-01T12:00:00.000Z",
    "business_date": "2026-06-01",
    "revision": 0,
    "artifact_id": "art_" + 32 * "0",
    "artifact_sha256": 64 * "0",
}


def _read(raw: bytes) -> list[Any]:
    origin = Origin(
        tenant_id="simulated",
        interface="feed-json",
        artifact_id=_CONTEXT["artifact_id"],
        sha256=_CONTEXT["artifact_sha256"],
        production=True,
    )
    return [part.document for part in READERS["x12-835"].read(lambda: iter((raw,)), origin)]


@lru_cache(maxsize=POOL)
def _file(number: int, payments: int, fault: str) -> tuple[bytes, tuple[int, ...]]:
    """Return one 835 file and the amounts of its payments in cents."""
    made = generate_835(
        payments=payments, seed=number, claims_per_payment=1 + number % 3, fault=fault or None
    )
    raw = b"".join(made)
    amounts = re.findall(rb"BPR\*[A-Z]\*([0-9.-]+)\*", raw)
    return raw, tuple(cents_of(_two_places(amount.decode())) for amount in amounts)


def _two_places(amount: str) -> str:
    whole, _, part = amount.partition(".")
    return f"{whole}.{part:0<2}"


@lru_cache(maxsize=2)
def _large_file(number: int) -> tuple[bytes, tuple[int, ...]]:
    """Return a file of more parts than go into one transaction, read on the executor."""
    raw = b"".join(generate_835(payments=34, seed=number, claims_per_payment=18))
    amounts = re.findall(rb"BPR\*[A-Z]\*([0-9.-]+)\*", raw)
    return raw, tuple(cents_of(_two_places(amount.decode())) for amount in amounts)


def _json_item(number: int, pool: int, chance: Randomness, poison: Poison) -> Item:
    raw = _advice(pool)
    document = json.loads(raw)
    cents: tuple[int, ...] = (cents_of(document["payment"]["amount"]),)
    if poison is Poison.UNREADABLE:
        broken = chance.random() < 0.5
        raw = raw[: len(raw) // 2] if broken else raw.replace(b'"amount":', b'"amont":')
        cents = ()
    elif poison is Poison.SAME_PAYMENT:
        document["remittance_id"] = f"rem_{number + 10**6:032x}"
        raw = msgspec.json.encode(document)
    elif chance.random() < 0.01:
        raw += b" " * 1_200_000  # larger than one chunk: the upload spills
    return Item(number=number, interface="feed-json", raw=raw, cents=cents, poison=poison)


def _file_item(number: int, pool: int, interface: str, chance: Randomness, poison: Poison) -> Item:
    fault = ""
    match poison:
        case Poison.UNREADABLE:
            fault = chance.choice([Fault.TRUNCATED, Fault.BAD_AMOUNT])
        case Poison.SUSPECT:
            fault = Fault.OUT_OF_BALANCE
        case Poison.NONE | Poison.SAME_PAYMENT:
            pass
    if not fault and chance.random() < 0.002:
        raw, cents = _large_file(1)
    else:
        raw, cents = _file(pool, 1 + (pool % 7 == 0) + 2 * (pool % 11 == 0), fault)
    if poison is Poison.UNREADABLE:
        cents = ()
    return Item(number=number, interface=interface, raw=raw, cents=cents, poison=poison)


def draw_items(chance: Randomness, count: int, poison_share: float) -> list[Item]:
    """Draw what the sources of one world will send; no two items have the same bytes, and only
    `SAME_PAYMENT` brings a payment again."""
    pools = chance.sample(range(POOL), count)
    items: list[Item] = []
    json_pools: list[int] = []
    for number, pool in enumerate(pools):
        interface = chance.choice(("feed-json", "feed-json", "feed-835", "drop"))
        poison = _poison(interface, chance, poison_share, seen=bool(json_pools))
        if interface == "feed-json":
            if poison is Poison.SAME_PAYMENT:
                pool = chance.choice(json_pools)  # noqa: PLW2901 - the payment of another
            elif poison is Poison.NONE:
                json_pools.append(pool)
            items.append(_json_item(number, pool, chance, poison))
        else:
            items.append(_file_item(number, pool, interface, chance, poison))
    return items


def _poison(interface: str, chance: Randomness, share: float, *, seen: bool) -> Poison:
    if chance.random() >= share:
        return Poison.NONE
    if interface == "feed-json":
        return chance.choice(
            [Poison.UNREADABLE, Poison.SAME_PAYMENT] if seen else [Poison.UNREADABLE]
        )
    return chance.choice([Poison.UNREADABLE, Poison.SUSPECT])
