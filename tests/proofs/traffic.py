"""Documents for the proofs, the folder they are sent through, and figures of how long things took."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from tests.proofs.branches import Branches
from tests.proofs.hub_process import HubProcess

EXAMPLE = (
    Path(__file__).resolve().parents[2]
    / "contracts/remittance-advice/1.0.0/examples/valid/capitation_without_claims.json"
)

FEED = """\
interface: feed
direction: in
format: json
contract: remittance-advice@^1.0
concurrency: 16
"""


def document(number: int, branch: str) -> dict[str, Any]:
    """An advice with an identity of its own; routes look at the payer's name for its branch."""
    made: dict[str, Any] = json.loads(_TEXT)
    made["payment_key"] = f"{number:064x}"
    made["remittance_id"] = name_of(number)
    made["payer"]["name"] = branch
    return made


def name_of(number: int) -> str:
    """Return the document's own name."""
    return f"rem_{number:032x}"


def raw(number: int, branch: str) -> bytes:
    """Return an advice as it is sent."""
    return json.dumps(document(number, branch)).encode()


_TEXT = EXAMPLE.read_text()


def write_root(root: Path, sinks: dict[str, str], *, hub: str = "", more: str = "") -> None:
    """Write a root folder: one feed, and a route to each branch by the payer's name."""
    folder = root / "config/interfaces"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "feed.yaml").write_text(FEED + more)
    for name, text in sinks.items():
        (folder / f"{name}.yaml").write_text(text)
    routes = [
        f"  - {{name: to-{name}, contract: remittance-advice, to: {name}, "
        f"when: payer.name == '{name}'}}"
        for name in sinks
    ]
    (root / "config/routes.yaml").write_text("\n".join(["routes:", *routes, ""]))
    (root / "config/hub.yaml").write_text(f"api: {{port: 0}}\n{hub}")


async def paced(
    send: Callable[[int], Awaitable[Any]], numbers: Iterable[int], *, per_second: float
) -> float:
    """Start one call after another at that pace, however long each takes; return the seconds."""
    began = time.monotonic()
    under_way: set[asyncio.Task[Any]] = set()
    for place, number in enumerate(numbers):
        ahead = began + place / per_second - time.monotonic()
        if ahead > 0:
            await asyncio.sleep(ahead)
        task = asyncio.ensure_future(send(number))
        under_way.add(task)
    await asyncio.gather(*under_way)
    return time.monotonic() - began


@dataclass
class Traffic:
    """Sends documents to hubs, each with a number of its own, and waits until branches have them."""

    city: Branches
    numbers: Iterator[int] = field(default_factory=lambda: count(10_000_000))
    sent_at: dict[str, float] = field(default_factory=dict)
    waits_seconds: float = 240
    """A busy machine is slow; nothing may hang."""

    async def send(self, hub: HubProcess, number: int, branch: str) -> None:
        """Hand over one document."""
        self.sent_at[name_of(number)] = time.monotonic()
        assert await hub.hand_over(raw(number, branch)) == 202

    async def deliver(
        self, hub: HubProcess, documents: int, *, to: tuple[str, ...], per_second: float
    ) -> list[float]:
        """Send that many at an even pace to those branches in turn; return the seconds from the
        first byte sent to each one's arrival at its branch."""
        owed = {next(self.numbers): to[n % len(to)] for n in range(documents)}
        await paced(lambda n: self.send(hub, n, owed[n]), owed, per_second=per_second)
        await self.arrived(owed)
        return [self.city[owed[n]].first_at[name_of(n)] - self.sent_at[name_of(n)] for n in owed]

    async def burst(
        self, hub: HubProcess, documents: int, *, to: tuple[str, ...], at_once: int = 16
    ) -> float:
        """Send that many as fast as they are taken; return how many a second were delivered."""
        owed = {next(self.numbers): to[n % len(to)] for n in range(documents)}
        began = time.monotonic()
        await self.hand_over(hub, owed, at_once=at_once)
        await self.arrived(owed)
        last = max(self.city[branch].first_at[name_of(n)] for n, branch in owed.items())
        return documents / (last - began)

    async def hand_over(self, hub: HubProcess, owed: dict[int, str], *, at_once: int = 16) -> None:
        """Hand over those documents, so many at once."""
        rest = iter(owed.items())

        async def one_after_another() -> None:
            for number, branch in rest:
                await self.send(hub, number, branch)

        await asyncio.gather(*(one_after_another() for _ in range(at_once)))

    async def arrived(self, owed: dict[int, str]) -> None:
        """Wait until every one of them has come to its branch."""

        def there() -> bool:
            return all(name_of(n) in self.city[branch].first_at for n, branch in owed.items())

        await until(there, self.waits_seconds)


async def until(condition: Callable[[], Any], seconds: float) -> None:
    """Wait until that is so."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


def quantile(figures: Iterable[float], share: float) -> float:
    """Return the figure that `share` of them do not exceed."""
    ordered = sorted(figures)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
