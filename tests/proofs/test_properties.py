"""F-PROP: in any order of events, nothing acknowledged is missing, and no payment is made twice.

Files are handed over, worked off, refused, replayed, and the process is killed. It is a real hub
on the real SQLite store; the model is a dict of what it has acknowledged. A kill cuts off all that
is under way, at a named point of the code or between two steps: nothing is told to end, and what
was not committed is gone.
"""

import asyncio
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import suppress
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from gateway.app.bundles import read_bundle
from gateway.app.hub import Hub
from gateway.delivery import Action, Selection
from gateway.model.states import RetryState
from gateway.pipeline import Arrival, Bundle
from gateway.ports import Ports
from gateway.store import KeyRing, StoreSettings, WriterShape, open_store
from tests.proofs.branches import Branches
from tests.proofs.matrix.scene import points
from tests.proofs.traffic import document, name_of, write_root

PAYMENTS = range(5)
WAYS = (None, 1)
"""Two files of one payment: the bytes differ, what they say does not."""

FILES = {
    (payment, way): json.dumps(document(payment, "till"), indent=indent).encode()
    for payment in PAYMENTS
    for way, indent in enumerate(WAYS)
}
RETRY = "retry: {schedule_seconds: [0, 0.005], breaker_failures: 1000, breaker_calls: 10000, jitter: 0}"
NOT_HERE = ("poll.", "reload.", "accept.mid_body", "process.between_batches")
"""Points that this hub never passes: it polls nothing, is not reloaded and takes small files."""

DEATH = st.just("") | st.sampled_from([n for n in points() if not n.startswith(NOT_HERE)])
"""Where the process dies when it comes there, or nowhere."""

SOME_FILES = st.lists(st.sampled_from(sorted(FILES)), min_size=1, max_size=4)


class Killed(Exception):
    """The process is gone: nothing of it goes on."""


class Manner(StrEnum):
    """What the partner does with a request."""

    TAKES = "takes"
    REFUSES = "refuses"
    LOSES = "loses"
    """It takes it, and its answer is lost."""


class Till:
    """The partner: one effect per key, whatever becomes of the hub."""

    def __init__(self) -> None:
        self.manner = Manner.TAKES
        self.taken: dict[str, str] = {}
        """By key, the payment."""

    @property
    def effects(self) -> Counter[str]:
        return Counter(self.taken.values())

    def transport(self, **_: Any) -> httpx.AsyncBaseTransport:
        return httpx.MockTransport(self._serve)

    def _serve(self, request: httpx.Request) -> httpx.Response:
        if self.manner is Manner.REFUSES:
            return httpx.Response(422, json={"code": "no"})
        payment = json.loads(request.content)["remittance_id"]
        self.taken.setdefault(request.headers["Idempotency-Key"], payment)
        if self.manner is Manner.LOSES:
            raise httpx.ReadError("the answer is lost")
        return httpx.Response(200, json={"id": payment})


class Promises(RuleBasedStateMachine):
    """Hypothesis chooses the order of the rules."""

    steps = kills = 0

    def __init__(self, made: Path, bundle: Bundle) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(dir=made.parent))
        shutil.copytree(made / "var", self.root / "var")
        self.configuration = bundle
        self.till = Till()
        self.offered: set[tuple[int, int]] = set()
        self.acknowledged: dict[tuple[int, int], str] = {}
        """The model: by file, the name under which it was taken."""
        self.doomed: set[str] = set()
        """Points at which the process dies when it comes there, once each."""
        self.killed = False
        self._begin()

    # -- the process ----------------------------------------------------------------------------

    def _begin(self) -> None:
        """Start a process; where it dies before it is ready, another one."""
        while True:
            self.killed = False
            self.loop = asyncio.Runner()
            with suppress(Killed):
                self.loop.run(self._start())
            if not self.killed:
                return
            self._end()

    async def _start(self) -> None:
        ports = Ports(fail_point=self._pass)
        keys = KeyRing.open(self.root / "var/hub.key")
        where = StoreSettings(path=self.root / "var/hub.db", writer=WriterShape.THREAD)
        store = await open_store(where, keys, ports)
        self.hub = Hub(
            self.root,
            store,
            keys,
            self.configuration,
            environment={},
            ports=ports,
            transport_factory=self.till.transport,
        )
        await self.hub.start()

    def _pass(self, point: str) -> None:
        if point in self.doomed and not self.killed:
            self.doomed.remove(point)
            self.killed = True
        if self.killed:
            raise Killed

    def _end(self) -> None:
        """Cut everything off; only files and threads are closed, for this process lives on."""
        self.killed = True
        type(self).kills += 1
        self.loop.run(self._cut_off())
        self.loop.close()

    async def _cut_off(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        self.hub._executor.shutdown()
        await self.hub.connections.close()
        await self.hub.store.close()

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Do it in the process; where that died of it, start another one and return None."""
        done = None
        with suppress(Killed):
            done = self.loop.run(work)
        if self.killed:
            self._end()
            self._begin()
            return None
        return done

    # -- what may happen ------------------------------------------------------------------------

    @rule(files=SOME_FILES, death=DEATH)
    def hand_over(self, files: list[tuple[int, int]], death: str) -> None:
        """Hand over some files, for the first time or again."""
        self.doomed.add(death)
        for file in files:
            self._hand_over(file)

    def _hand_over(self, file: tuple[int, int]) -> None:
        self.offered.add(file)
        taken = self._do(self.hub.flow.accept(Arrival(interface="feed"), blocks(FILES[file])))
        if taken is None:
            return  # it may be there or not: nobody was told
        if file in self.acknowledged:
            assert (taken.duplicate, taken.artifact_id) == (True, self.acknowledged[file])
        self.acknowledged[file] = taken.artifact_id

    @rule(manner=st.sampled_from(Manner), death=DEATH)
    def work_off(self, manner: Manner, death: str = "") -> None:
        """Process and deliver until nothing is left to do; so does the partner behave."""
        self.till.manner = manner
        self.doomed.add(death)
        self._do(self._rest())

    async def _rest(self) -> None:
        async with asyncio.timeout(60):
            while not self.killed:
                if self.hub.workers.idle and not await self._aside(RetryState.WAITING):
                    return
                await asyncio.sleep(0.001)

    @rule(death=DEATH)
    def replay(self, death: str = "") -> None:
        """Replay all that was set aside."""
        self.doomed.add(death)
        everything = Selection(everything=True)
        self._do(self.hub.operator.act(Action.REPLAY, everything, actor="ann"))

    @rule()
    def kill(self) -> None:
        """Let it die now."""
        self._end()
        self._begin()

    # -- what must hold -------------------------------------------------------------------------

    @invariant()
    def nothing_acknowledged_is_missing(self) -> None:
        type(self).steps += 1
        there = self.loop.run(self._there())
        assert self.acknowledged.items() <= there.items()

    async def _there(self) -> dict[tuple[int, int], str]:
        """Return what the store has of all that was offered, byte for byte."""
        found: dict[tuple[int, int], str] = {}
        for file in self.offered:
            hashed = hashlib.sha256(FILES[file]).hexdigest()
            rows = await self.hub.store.fetch("artifact_by_hash", interface="feed", sha256=hashed)
            for row in rows:
                assert file not in found, "it was taken twice"
                assert await self.hub.store.body(row["body_id"]) == FILES[file]
                found[file] = row["artifact_id"]
        return found

    @invariant()
    def no_payment_is_made_twice(self) -> None:
        assert set(self.till.effects.values()) <= {1}

    def teardown(self) -> None:
        """All is well again, and people do what people do: then every payment was made once."""
        try:
            self._all_is_made()
        finally:
            self._end()
            shutil.rmtree(self.root)

    def _all_is_made(self) -> None:
        self.doomed.clear()
        self.work_off(Manner.TAKES)
        self.replay()
        self.work_off(Manner.TAKES)
        self.nothing_acknowledged_is_missing()
        there = self.loop.run(self._there())
        made = {name_of(payment): 1 for payment, _ in there}
        assert self.till.effects == made
        states = Counter(aside.state for aside in self.loop.run(self._aside(None)))
        twins = len(there) - len(made)
        assert states == ({RetryState.HELD: twins} if twins else {}), "a second file waits"

    async def _aside(self, state: RetryState | None) -> list[Any]:
        selection = Selection(state=state, everything=state is None)
        return await self.hub.operator.find(selection)


async def blocks(raw: bytes) -> AsyncIterator[bytes]:
    yield raw


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A machine over a copy of a fresh root."""
    memory = Path("/dev/shm")  # noqa: S108 - kills are proved here; what a disk forgets, by T-PWR
    if os.access(memory, os.W_OK):
        folder = Path(tempfile.mkdtemp(prefix="properties-", dir=memory))
    else:
        folder = tmp_path_factory.mktemp("properties")
    made = folder / "made"
    sink = Branches({}, url="http://till.example").sink("till", more=RETRY)
    write_root(made, {"till": sink})
    bundle = read_bundle(made, {})
    (made / "var").mkdir()
    keys = KeyRing.open(made / "var/hub.key")
    where = StoreSettings(path=made / "var/hub.db", writer=WriterShape.THREAD)

    async def make() -> None:
        await (await open_store(where, keys, Ports())).close()

    asyncio.run(make())
    yield partial(Promises, made, bundle)
    shutil.rmtree(folder)


def run(machine: Any, examples: int, steps: int, **more: Any) -> dict[str, float]:
    Promises.steps = Promises.kills = 0
    began = time.process_time()
    chosen = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        **more,
    )
    run_state_machine_as_test(machine, settings=chosen)
    seconds = time.process_time() - began
    return {"steps": Promises.steps, "kills": Promises.kills, "cpu_seconds": seconds}


@pytest.mark.slow
def test_in_any_order_nothing_acknowledged_is_lost_and_nothing_made_twice(
    machine: Any, report: Any
) -> None:
    report("F-PROP", **run(machine, 16, 30, derandomize=True))


@pytest.mark.soak
def test_in_three_hundred_orders_of_fifty_steps_nothing_is_lost_or_made_twice(
    machine: Any, report: Any
) -> None:
    report("F-PROP", **run(machine, 300, 50))
