"""The crash matrix: at every named point of the flow the hub is killed, fails or stands still.

However it goes on, every payment has its effect once at every partner, and no hand is needed.
"""

import random
from collections import Counter
from pathlib import Path

import pytest

from tests.proofs.matrix.scene import BIG_POINTS, PARTNER_POINTS, Cell, Scene, points, scene_in

SEED = 20261125
STALL = "stall:3"
"""Longer than the partners' deadline of 2 s."""
ACTIONS = ("kill", "raise", STALL)


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
    return 1 if point in BIG_POINTS else chance.randint(1, 3)


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


@pytest.mark.soak
async def test_every_cell_of_the_matrix_by_itself(
    engine: str, hub_yaml: str, tmp_path: Path, report
):
    chance = random.Random(SEED)
    names = points()
    cells = [Cell(name, nth(name, chance), action) for name in names for action in ACTIONS]
    cells += [Cell(name, way, "kill") for name in PARTNER_POINTS for way in range(3)]
    async with scene_in(tmp_path, hub_yaml) as scene:
        struck = await played(scene, cells, check_each=True)
        report(
            f"T-CRASH-{engine}",
            points=len(names),
            cells=len(cells),
            documents=scene.documents,
            breaks=0,
            **struck,
        )
        assert scene.struck == cells
