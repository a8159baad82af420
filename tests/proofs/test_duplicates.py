"""T-DUP: whatever comes twice, split or out of order, each payment is posted once.

Exact re-sends are taken once. A payment that comes again in other bytes, be it in another
envelope, another cut of the file or with other content, is held as `payment_key_seen` for a
person: no difference is ever paid or dropped by itself. Reversals that come before their original
are posting's matter and are not in here.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from gateway.simulators.remittances import generate_835
from tests.proofs.branches import Branch, branches
from tests.proofs.hub_process import HubProcess, running

SEED = 20261125
PAYMENTS_A_FILE = 6
RESENT = 0.10
CONFLICTING = 0.05
RE_ENVELOPED = 0.05
WHOLE_AGAIN = 0.20

FEED = """\
interface: feed
direction: in
format: x12-835
mapping: x12-835-to-remittance-advice
production: false
concurrency: 16
"""
ROUTES = "routes: [{name: all, contract: remittance-advice, to: books}]\n"


def sets_of(raw: bytes) -> list[bytes]:
    """Return the transaction sets of a file, ST to SE."""
    body = raw[raw.index(b"~ST*") + 1 : raw.index(b"~GE*") + 1]
    return [b"ST*835*" + rest for rest in body.split(b"ST*835*")[1:]]


def enveloped(sets: Iterable[bytes], number: int) -> bytes:
    """Put transaction sets into an interchange of their own."""
    control = f"{number:09d}"
    inside = list(sets)
    isa = f"ISA*00*          *00*          *ZZ*CLEARWELL      *ZZ*REMITHUB       *260401*1200*^*00501*{control}*0*T*:~"
    group = f"GS*HP*CLEARWELL*REMITHUB*20260401*1200*{number}*X*005010X221A1~"
    end = f"GE*{len(inside)}*{number}~IEA*1*{control}~"
    return isa.encode() + group.encode() + b"".join(inside) + end.encode()


def changed(payment: bytes) -> bytes:
    """Return the same payment, same trace and amount, with another member named in it."""
    assert b"*MI*M" in payment
    return payment.replace(b"*MI*M", b"*MI*N", 1)


def is_empty(payment: bytes) -> bool:
    """Whether no money moves: such a payment is known by its content, so other content is another."""
    return b"*C*NON*" in payment.partition(b"~TRN")[0]


class Post:
    """What is sent: every file once, some again in one way or another, in no order."""

    def __init__(self, payments: int) -> None:
        draw = random.Random(SEED)
        self.payments = 0
        self.held = 0
        self.files: list[bytes] = []
        numbers = iter(range(1, 10**9))
        for seed in range(payments // PAYMENTS_A_FILE):
            raw = b"".join(
                generate_835(payments=PAYMENTS_A_FILE, seed=seed, claims_per_payment=2, usage="T")
            )
            sets = sets_of(raw)
            assert len(sets) == PAYMENTS_A_FILE
            self.payments += len(sets)
            # A third of the files come as one, the others cut in threes or in sixes.
            size = draw.choice((6, 2, 1))
            for start in range(0, PAYMENTS_A_FILE, size):
                self.files.append(enveloped(sets[start : start + size], next(numbers)))
            again = [enveloped(sets, next(numbers))] if draw.random() < WHOLE_AGAIN else []
            self.held += len(sets) * len(again)
            for payment in sets:
                if draw.random() < CONFLICTING and not is_empty(payment):
                    again.append(enveloped([changed(payment)], next(numbers)))
                    self.held += 1
                if draw.random() < RE_ENVELOPED:
                    again.append(enveloped([payment], next(numbers)))
                    self.held += 1
            self.files += again
        self.distinct = len(self.files)
        self.files += draw.sample(self.files, int(RESENT * len(self.files)))
        draw.shuffle(self.files)


async def send_all(hub: HubProcess, files: Iterable[bytes]) -> int:
    """Hand over every file, sixteen at once; return how many had been taken before."""
    rest, before = iter(files), 0

    async def one_after_another() -> None:
        nonlocal before
        for raw in rest:
            target = f"{hub.url}/v1/interfaces/feed/files"
            async with hub.session.post(target, data=raw) as answer:
                assert answer.status == 202
                before += (await answer.json())["duplicate"]

    await asyncio.gather(*(one_after_another() for _ in range(16)))
    return before


async def held_codes(hub: HubProcess) -> Counter[str]:
    """Return why parts are held, by code."""
    groups = await hub.get("/v1/set-aside/groups")
    found: Counter[str] = Counter()
    for group in groups:
        assert group["state"] == "held", group["state"]
        found[group["code"]] += group["count"]
    return found


async def posted_once(root: Path, payments: int) -> dict[str, float]:
    """Send it all; return the figures."""
    post = Post(payments)
    async with branches(books=Branch()) as city:
        folder = root / "config/interfaces"
        folder.mkdir(parents=True)
        (folder / "feed.yaml").write_text(FEED)
        (folder / "books.yaml").write_text(city.sink("books"))
        (root / "config/routes.yaml").write_text(ROUTES)
        (root / "config/hub.yaml").write_text("api: {port: 0}\n")
        async with running(root) as hub:
            before = await send_all(hub, post.files)
            async with asyncio.timeout(120 + payments / 10):
                while (await held_codes(hub)).total() < post.held:
                    assert city["books"].doubled == 0, "a payment was posted twice"
                    await asyncio.sleep(0.1)
                while len(city["books"].effects) < post.payments:
                    await asyncio.sleep(0.1)
            await asyncio.sleep(1)  # what would come twice comes now
            held = await held_codes(hub)
            _, figures = await hub.metrics()
    accepted = figures['remithub_parts_total{interface="feed",state="accepted"}']
    assert before == len(post.files) - post.distinct
    assert city["books"].doubled == 0, "a payment was posted twice"
    assert len(city["books"].effects) == post.payments == accepted
    assert held == {"payment_key_seen": post.held}
    return {
        "payments": post.payments,
        "files": len(post.files),
        "resent": before,
        "held": post.held,
        "posted_twice": city["books"].doubled,
        "lost": post.payments - len(city["books"].effects),
    }


@pytest.mark.slow
async def test_each_payment_is_posted_once_however_it_comes(tmp_path, report):
    report("T-DUP", **await posted_once(tmp_path, 240))


@pytest.mark.soak
async def test_each_of_ten_thousand_payments_is_posted_once(tmp_path, report):
    report("T-DUP", **await posted_once(tmp_path, 10_000))
