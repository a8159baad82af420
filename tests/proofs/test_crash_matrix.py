"""The crash matrix: at every named point of the flow the hub is killed, fails or stands still.

However it goes on, every payment has its effect once at every partner, and no hand is needed.
"""

import asyncio
import contextlib
import os
import random
import signal
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from gateway.app import Hub
from gateway.store import Body, Statement, Unit
from tests.postgres import Postgres
from tests.proofs.matrix.alone import play_alone
from tests.proofs.matrix.scene import (
    BIG_POINTS,
    PARTNER_POINTS,
    REPOSITORY,
    Cell,
    Scene,
    points,
    scene_in,
)

SEED = 20261125
STALL = "stall:3"
"""Longer than the partners' deadline of 2 s."""
LONG_STALL = "stall:8"
"""Longer than a lease, which on a shared store another process may then take over."""


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def hub_yaml(engine: str, request: pytest.FixtureRequest) -> str:
    """What hub.yaml says of the store; another engine joins the matrix here."""
    if engine == "sqlite":
        return ""
    return f"store: {{postgres: {request.getfixturevalue('postgres').fresh()}}}\n"


def nth(point: str, chance: random.Random) -> int:
    """The how-manieth passing it happens at: the first reload of a hub is its start."""
    if point.startswith("reload."):
        return 2
    once = point in BIG_POINTS or point.startswith("set_aside.")  # replays go in one batch
    return 1 if once else chance.randint(1, 3)


async def played(scene: Scene, cells: list[Cell], *, check_each: bool) -> Counter[str]:
    for cell in cells:
        await scene.play(cell)
        if check_each:
            await scene.is_right()
    await scene.is_right()
    return Counter(cell.action.partition(":")[0] for cell in scene.struck)


@pytest.mark.slow
async def test_a_hub_killed_at_every_point_loses_nothing_and_doubles_nothing(
    tmp_path: Path, report
):
    chance = random.Random(SEED)
    names = [*points(), *PARTNER_POINTS]
    cells = [Cell(name, nth(name, chance), "kill") for name in names]
    async with scene_in(tmp_path) as scene:
        struck = await played(scene, cells, check_each=False)
        report("T-CRASH-KILL", cells=len(cells), documents=scene.documents, **struck)
        assert {cell.point for cell in scene.struck} == set(names)


@pytest.mark.slow
async def test_a_hub_that_fails_or_stands_still_at_some_points_goes_on_by_itself(
    tmp_path: Path, report
):
    chance = random.Random(SEED)
    cells = [Cell(name, nth(name, chance), "raise") for name in chance.sample(points(), 3)]
    cells += [Cell(name, nth(name, chance), STALL) for name in chance.sample(points(), 1)]
    async with scene_in(tmp_path) as scene:
        struck = await played(scene, cells, check_each=False)
        report("T-CRASH-SAMPLE", cells=len(cells), documents=scene.documents, **struck)
        assert struck.total() > 0


@pytest.mark.slow
async def test_a_hub_on_a_shared_database_is_right_after_some_kills(
    postgres: Postgres, tmp_path: Path, report
):
    chance = random.Random(SEED)
    cells = [Cell(name, nth(name, chance), "kill") for name in chance.sample(points(), 3)]
    played = await play_alone(cells, tmp_path, postgres)
    report("T-CRASH-SHARED", cells=len(cells), documents=played.documents)
    assert not played.broken
    assert set(played.struck) == set(cells)


def column(action: str, engine: str) -> list[Cell]:
    """One column of the matrix: every point killed, failing or standing still; the partner's two
    points only kill."""
    if action == "stall":
        action = LONG_STALL if engine == "postgresql" else STALL
    chance = random.Random(SEED)
    cells = [Cell(name, nth(name, chance), action) for name in points()]
    if action == "kill":
        cells += [Cell(name, way, action) for name in PARTNER_POINTS for way in range(3)]
    return cells


@pytest.mark.soak
@pytest.mark.parametrize("action", ["kill", "raise", "stall"])
async def test_every_cell_of_the_matrix_by_itself(
    action: str, engine: str, request: pytest.FixtureRequest, tmp_path: Path, report
):
    shared: Postgres | None = None
    if engine == "postgresql":
        shared = request.getfixturevalue("postgres")
    cells = column(action, engine)
    began = time.monotonic()
    played = await play_alone(cells, tmp_path, shared)
    report(
        f"T-CRASH-{engine}-{action}",
        cells=len(cells),
        struck=len(played.struck),
        documents=played.documents,
        breaks=len(played.broken),
        minutes=(time.monotonic() - began) / 60,
        slowest_cell_seconds=played.slowest_seconds,
    )
    assert not played.broken
    assert set(played.struck) == set(cells)


async def owe_many(hub: Hub, count: int) -> None:
    """Owe that many small messages to the destination `key`, whose lane stands still meanwhile."""
    lane = hub.workers.runners["deliver:to-key:key"].lane.lane_id
    for first in range(0, count, 1000):
        messages: list[Statement] = []
        owed: list[Statement] = []
        bodies: list[Body] = []
        for number in range(first, min(first + 1000, count)):
            name = f"msg_{number:032x}"
            row = {"message_id": name, "contract": "remittance-advice", "version": "1.0.0"}
            row |= {"revision": 0, "artifact_id": None, "part_offset": None, "cause_id": ""}
            row |= {"interface": "feed", "correlation": "", "amount_cents": 100, "created_at": 1}
            row |= {"routed": 1, "bundle": "", "trace": ""}
            due = {"lane_id": lane, "item_id": name, "delivery_id": f"dlv_{number:032x}"}
            messages.append(Statement("message_insert", row))
            owed.append(Statement("owe", {**due, "order_key": "", "at": 1}, 1))
            bodies.append(Body(name, b"{}"))
        # Like beside like: on a shared database a change of statement is a round trip.
        await hub.store.commit(Unit(statements=(*messages, *owed), bodies=tuple(bodies)))


def cpu_seconds(pid: int) -> float:
    """Return what a process and those it has started have used so far."""
    about = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own = (int(about[11]) + int(about[12])) / os.sysconf("SC_CLK_TCK")
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return own + sum(cpu_seconds(int(child)) for child in children)


async def seconds_to_first_delivery(scene: Scene) -> tuple[float, float]:
    """Start a hub as a process; return the seconds until the first request is at the partner, and
    the CPU seconds that took."""
    loop = asyncio.get_running_loop()
    partner = scene.partners["key"]
    before = len(partner.effects)
    began = loop.time()
    hub = await asyncio.create_subprocess_exec(
        *(
            sys.executable,
            "-m",
            "tests.proofs.matrix.doomed",
            str(scene.root),
            "none",
            "1",
            "kill",
        ),
        cwd=REPOSITORY,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(120):
            while len(partner.effects) == before:
                assert hub.returncode is None
                await asyncio.sleep(0.005)
        return loop.time() - began, cpu_seconds(hub.pid)
    finally:
        with contextlib.suppress(ProcessLookupError):
            hub.send_signal(signal.SIGKILL)
        await hub.wait()


async def restarted(
    tmp_path: Path, backlog: int, times: int, hub_yaml: str = ""
) -> list[tuple[float, float]]:
    """Kill a hub with that backlog again and again; every time, how long until it delivers."""
    async with scene_in(tmp_path, hub_yaml) as scene:
        hub = await scene.world.start()
        hub.workers.destinations["key"].paused = "a test"
        await owe_many(hub, backlog)
        await scene.world.stop()
        return [await seconds_to_first_delivery(scene) for _ in range(times)]


@pytest.mark.slow
async def test_a_hub_with_ten_thousand_owed_delivers_soon_after_its_start(tmp_path: Path, report):
    took = await restarted(tmp_path, 10_000, 3)
    best, cpu = min(took)
    report("T-RESTART-10K", backlog=10_000, seconds=best, slowest=max(took)[0], cpu_seconds=cpu)


@pytest.mark.soak
@pytest.mark.parametrize(("backlog", "seconds"), [(10_000, 3.0), (1_000_000, 15.0)])
async def test_a_hub_delivers_soon_after_its_start_whatever_is_owed(
    backlog: int, seconds: float, engine: str, hub_yaml: str, tmp_path: Path, report
):
    took = await restarted(tmp_path, backlog, 5, hub_yaml)
    ordered = sorted(took)
    report(
        f"T-RESTART-{backlog}-{engine}",
        backlog=backlog,
        median_seconds=ordered[2][0],
        slowest=ordered[-1][0],
        cpu_seconds=ordered[2][1],
    )
    assert ordered[2][0] <= seconds
