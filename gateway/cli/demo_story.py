"""The demo's acts, in order: what the partners do, and what the hub is asked to do about it."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path

import msgspec

from gateway.app.services import HubServices
from gateway.cli.demo_proof import Sent
from gateway.cli.demo_screen import Picture, Screen, Tone, dollars, waiting
from gateway.delivery import Action, Aside, Selection
from gateway.errors import TryAgain
from gateway.health import InterfaceHealth, InterfaceState
from gateway.model.states import RetryState
from gateway.simulators.faults import Fault, FaultKind
from gateway.simulators.partners import Partners
from gateway.simulators.remittances import generate_835

__all__ = ["Stage", "play"]

FEED = "clearinghouse-remits"
PAYMENTS_PER_FILE = 4
LOST_REPLIES = 3
PATIENCE_SECONDS = 60.0
"""How long an act waits for what must happen before the demo gives up."""
PATIENCE_SECONDS_PER_PAYMENT = 0.05
"""What a longer day adds to it."""


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """Who plays. `pace` stretches the pauses that are only there to be watched."""

    root: Path
    repair: Path
    """The mapping that mends the poisoned file."""
    services: HubServices
    partners: Partners
    screen: Screen
    payments: int
    seed: int
    pace: float = 1.0


async def play(stage: Stage) -> Sent:
    """Play all acts; on return nothing is under way. Return what the clearinghouse sent.

    Raises TryAgain where an act gets stuck.
    """
    story = _Story(stage)
    async with story.watching():
        await story.morning()
        await story.outage()
        await story.lost_replies()
        await story.same_file_twice()
        await story.suspect_file()
        await story.poisoned_file()
        await story.evening()
    return story.sent


class _Story:
    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.house, self.billing, self.erp = stage.partners.all()
        self.tell = stage.screen.tell
        self.clock = stage.services.ports.clock
        self.offered = 0
        self.sent = Sent()
        self.healths: dict[str, InterfaceHealth] = {}
        whole, rest = divmod(stage.payments, PAYMENTS_PER_FILE)
        self.sizes = [PAYMENTS_PER_FILE] * whole + [rest] * bool(rest)
        self.files = self._files()
        self.patience_seconds = PATIENCE_SECONDS + PATIENCE_SECONDS_PER_PAYMENT * stage.payments

    # -- acts ----------------------------------------------------------------------------------

    async def morning(self) -> None:
        """Files come, and everybody is well."""
        self.tell("The clearinghouse puts out the morning's remittance files.", Tone.ACT)
        await self.put(0.4, seconds=4)
        await self.until(self.quiet)
        self.tell("Every payment is posted, every journal is in the ERP.", Tone.GOOD)

    async def outage(self) -> None:
        """Billing is down and comes back; nothing is lost, nobody had to act."""
        billing = self.billing
        self.tell("Billing goes down: it answers 503 to everything.", Tone.ACT)
        billing.faults.set(Fault(kind=FaultKind.DOWN))
        await self.put(0.3, seconds=3)
        await self.until(lambda: self.healths["billing"].state is not InterfaceState.UP)
        self.tell("The breaker is open: payments wait, no more attempts are wasted.", Tone.TROUBLE)
        await self.pause(1)
        count = waiting(self.healths["billing"])
        billing.faults.clear()
        self.tell(f"Billing is back; {count:,} payments waited for it.", Tone.NOTE)
        await self.until(self.quiet)
        self.tell("Billing has caught up, each payment posted once.", Tone.GOOD)

    async def lost_replies(self) -> None:
        """The ERP books and its answer is lost: the hub asks before it sends again."""
        erp = self.erp
        self.tell("The ERP books journals, but its replies are lost.", Tone.ACT)
        lost = Fault(kind=FaultKind.REPLY_LOST_AFTER_COMMIT, count=LOST_REPLIES)
        erp.faults.set(lost)
        await self.put(0.2, seconds=2)
        await self.until(self.quiet)
        twice = erp.effects().duplicates
        erp.faults.clear()
        self.tell(
            f"The hub looked the journals up before sending again; booked twice: {twice}.",
            Tone.TROUBLE if twice else Tone.GOOD,
        )

    async def same_file_twice(self) -> None:
        """The same bytes under another name are taken once."""
        self.tell("The clearinghouse sends a file a second time, under a new name.", Tone.ACT)
        path = next((self.house.outbound / "done").rglob("*.835"))
        artifacts = self.healths[FEED].counters.get("artifacts", 0)
        self.put_out("again.835", path.read_bytes())
        await self.until(self.quiet)
        taken = self.healths[FEED].counters.get("artifacts", 0) - artifacts
        self.tell(f"Known by its content: {taken} new files, no payment twice.", Tone.GOOD)

    async def suspect_file(self) -> None:
        """A damaged envelope: the payments are held until a person lets them go."""
        self.tell("A file arrives whose envelope does not match itself.", Tone.ACT)
        self.offer("suspect.835", self.one_payment(fault="control_mismatch"))
        held = await self.appears(RetryState.HELD)
        self.tell(f"Held, {held.code}: {await self.amounts(held)}.", Tone.NOTE)
        self.tell(f"It waits for a person: remithub dlq release {held.id}", Tone.NOTE)

    async def poisoned_file(self) -> None:
        """A payer's new habit breaks the contract: dead letter, repair, replay."""
        self.tell("A payer begins to write its payment method in words.", Tone.ACT)
        plain = self.one_payment()
        poisoned = re.sub(rb"(BPR\*.\*[^*]*\*.)\*[^*]*", rb"\1*ELECTRONIC FUNDS", plain, count=1)
        self.offer("poisoned.835", poisoned)
        dead = await self.appears(RetryState.DEAD)
        self.tell(f"Dead letter, {dead.code}: {await self.amounts(dead)}.", Tone.TROUBLE)
        self.tell(dead.detail, Tone.TROUBLE)
        await self.pause(2)
        folder = self.stage.root / "mappings" / "x12-835-to-remittance-advice"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(self.stage.repair, folder / "mapping.yaml")
        await self.stage.services.reload(actor="demo", dry_run=False)
        self.tell("An engineer adds two lines to the mapping; the running hub reloads.", Tone.NOTE)
        await self.pause(1.5)
        chosen = Selection(ids=(dead.id,))
        operator = self.stage.services.operator
        report = await operator.act(Action.REPLAY, chosen, actor="demo", reason="mapping mended")
        self.tell(f"Replay of {report.count} dead letter, {dollars(report.amount_cents)}.")
        await self.until(self.quiet)
        self.tell("The same bytes went through: posted, and in the ledger.", Tone.GOOD)

    async def evening(self) -> None:
        """The rest of the day's files."""
        self.tell("The rest of the day's files.", Tone.ACT)
        await self.put(1.0, seconds=1)
        await self.until(self.quiet)
        self.tell("All quiet.", Tone.GOOD)

    # -- what the acts are made of --------------------------------------------------------------

    def _files(self) -> Iterator[bytes]:
        for number, size in enumerate(self.sizes):
            yield self.made(size, number=number)

    def made(self, payments: int, *, number: int) -> bytes:
        """Return an ordinary invented file, the `number`th of this day."""
        seed = self.stage.seed * 100_000 + number
        return b"".join(generate_835(payments=payments, seed=seed, usage="T"))

    def one_payment(self, *, fault: str | None = None) -> bytes:
        """Return a file of one payment of some claims, with a seed of its own."""
        seed = self.stage.seed * 100_000 + 99_000 + self.offered % 1_000
        made = generate_835(payments=1, seed=seed, claims_per_payment=6, fault=fault, usage="T")
        return b"".join(made)

    async def put(self, share: float, *, seconds: float) -> None:
        """Put out that share of all files (at most what is left), spread over some seconds."""
        count = max(1, round(share * len(self.sizes)))
        for data in islice(self.files, count):
            self.offer(f"remit-{self.offered:04d}.835", data)
            await self.pause(seconds / count)

    def offer(self, name: str, data: bytes) -> None:
        """Put a new file into the clearinghouse's folder."""
        self.sent.add(data)
        self.put_out(name, data)

    def put_out(self, name: str, data: bytes) -> None:
        """Put one file, new or not, into the clearinghouse's folder."""
        self.house.put(name, data)
        self.offered += 1

    async def appears(self, state: RetryState) -> Aside:
        """Return what is set aside at the feed in that state, once there is something."""
        chosen = Selection(interface=FEED, state=state)
        operator = self.stage.services.operator
        async with self.patience():
            while True:
                parts = [a for a in await operator.find(chosen) if a.part_offset >= 0]
                if parts:
                    return parts[-1]
                await self.clock.sleep(0.1)

    async def amounts(self, aside: Aside) -> str:
        """Return the amounts of a part that was set aside, as its file says them."""
        rows = await self.stage.services.store.fetch(
            "parts_of_artifact", artifact_id=aside.item_id
        )
        part = next(row for row in rows if row["part_offset"] == aside.part_offset)
        columns = {
            "payment": "amount_cents",
            "claims paid": "claims_paid_cents",
            "provider adjustments": "adjustments_cents",
        }
        return ", ".join(f"{name} {dollars(part[key] or 0)}" for name, key in columns.items())

    def quiet(self) -> bool:
        """Whether every file was taken and nothing is under way or will go on by itself."""
        under_way = any(waiting(health) for health in self.healths.values())
        return not under_way and not self.house.waiting()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until it holds at two looks in a row."""
        seen = 0
        async with self.patience():
            while seen < 2:
                await self.look()
                seen = seen + 1 if holds() else 0
                await self.clock.sleep(0.1)

    async def pause(self, seconds: float) -> None:
        """Give people time to read."""
        await self.clock.sleep(seconds * self.stage.pace)

    @asynccontextmanager
    async def patience(self) -> AsyncIterator[None]:
        """Raise TryAgain where the block takes too long."""
        try:
            async with asyncio.timeout(self.patience_seconds):
                yield
        except TimeoutError:
            raise TryAgain(
                f"The demo waited {self.patience_seconds:.0f} s for the hub in vain.",
                code="demo_stuck",
                next_step="see var/hub.log below the demo's folder.",
            ) from None

    async def look(self) -> None:
        """Take a fresh picture and show it."""
        healths = sorted(await self.stage.services.interfaces(), key=lambda h: h.direction)
        self.healths = {health.name: health for health in healths}
        taken = self.offered - len(self.house.waiting())
        self.stage.screen.show(
            Picture(offered=self.offered, taken=taken, interfaces=tuple(healths))
        )

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Keep the picture fresh while the acts are played."""

        async def watch() -> None:
            while True:
                await self.look()
                await self.clock.sleep(0.2)

        await self.look()
        task = asyncio.create_task(watch(), name="watch")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
