"""Power loss: whatever was acknowledged is there when the power comes back, and nothing is torn.

The store's real processes run under a recorder of their writes and syncs; the log is cut at
random, what was not synced is kept, dropped or torn at random, and our own store opens the rest.
"""

import asyncio
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.proofs.power.disk import states
from tests.proofs.power.examination import examine
from tests.proofs.power.recording import Operation, build, record

SEED = 20261125
MEMORY = Path("/dev/shm")  # noqa: S108  a folder of our own is made in it


@pytest.fixture(scope="module")
def recorder(tmp_path_factory: pytest.TempPathFactory, require_program) -> Path:
    return build(tmp_path_factory.mktemp("recorder"), require_program("cc"))


@pytest.fixture
def recorded(recorder: Path, tmp_path: Path) -> Callable[..., list[Operation]]:
    def make(seed: int, *, synchronous: str = "FULL") -> list[Operation]:
        folder = tmp_path / f"{synchronous}-{seed}"
        folder.mkdir()
        return record(recorder, folder, seed, synchronous=synchronous)

    return make


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A folder in memory where there is one: every state is written out once."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        yield Path(folder)


async def verdicts(
    operations: list[Operation], count: int, seed: int, scratch: Path
) -> Counter[str]:
    """What becomes of that many power losses; the word before the colon, "" where all is well."""
    chance = random.Random(seed)
    found: Counter[str] = Counter()
    for moment, disk in states(operations, count, chance):
        folder = scratch / "state"
        folder.mkdir()
        disk.lose_power(folder, chance)
        wrong = await examine(folder, disk.acknowledged)
        if wrong and wrong.partition(":")[0] not in found:
            print(f"seed {seed}, operation {moment} of {len(operations)}: {wrong}")
        found[wrong.partition(":")[0]] += 1
        shutil.rmtree(folder)
    return found


async def survived(recorded, scratch: Path, *, recordings: int, each: int) -> Counter[str]:
    found: Counter[str] = Counter()
    for seed in range(SEED, SEED + recordings):
        operations = await asyncio.to_thread(recorded, seed)
        found += await verdicts(operations, each, seed, scratch)
    return found


@pytest.mark.slow
async def test_no_power_loss_takes_what_was_acknowledged(recorded, scratch, report):
    found = await survived(recorded, scratch, recordings=4, each=500)
    report("T-POWER", states=found.total(), well=found[""])
    assert found == {"": 2000}


@pytest.mark.slow
async def test_the_proof_can_fail_it_sees_what_normal_loses(recorded, scratch, report):
    operations = await asyncio.to_thread(recorded, SEED, synchronous="NORMAL")
    found = await verdicts(operations, 100, SEED, scratch)
    report("T-POWER-NORMAL", states=found.total(), **found)
    assert found["lost"] > 0


@pytest.mark.soak
async def test_twenty_thousand_power_losses_take_nothing(recorded, scratch, report):
    found = await survived(recorded, scratch, recordings=20, each=1000)
    report("T-POWER", states=found.total(), well=found[""])
    assert found == {"": 20_000}
