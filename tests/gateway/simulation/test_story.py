"""A seed tells one story: the same whenever and wherever it runs, and different from its neighbour's."""

import gc
import logging
import os
import subprocess
import sys
import threading

import msgspec
import pytest

from gateway.simulation.network import Fate
from gateway.simulation.options import draw_options
from gateway.simulation.story import simulate

SEED_WITH_TWO_PROCESSES = 4
SEED_WITH_ONE = 1


@pytest.mark.slow
@pytest.mark.parametrize("seed", [SEED_WITH_ONE, SEED_WITH_TWO_PROCESSES])
def test_the_same_seed_twice_gives_the_same_digest(seed):
    first, second = simulate(seed), simulate(seed)
    assert first.lines == second.lines
    assert first.digest == second.digest
    assert first.digest != simulate(seed + 1).digest
    gc.collect()


@pytest.mark.slow
def test_a_seed_tells_the_same_story_whatever_the_hashes_of_texts():
    told = "from gateway.simulation.story import simulate; print(simulate(4).digest)"
    digests = {
        subprocess.run(
            [sys.executable, "-c", told],
            env={**os.environ, "PYTHONHASHSEED": str(hashes)},
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        ).stdout
        for hashes in (1, 2)
    }
    assert len(digests) == 1


def test_options_come_from_the_seed_alone():
    assert draw_options(7) == draw_options(7)
    drawn = [draw_options(seed) for seed in range(200)]
    assert {options.nodes for options in drawn} == {1, 2}
    assert {fate for options in drawn for fate in options.fates} == set(Fate) - {Fate.ANSWERED}
    assert min(options.items for options in drawn) >= 30


@pytest.mark.slow
def test_a_world_leaves_nothing_behind(tmp_path):
    logger = logging.getLogger("remithub")
    before = (logger.handlers, logger.propagate, logger.level, threading.active_count())
    options = msgspec.structs.replace(draw_options(2), pauses=2, restarts=2)
    verdict = simulate(2, options=options)
    gc.collect()
    assert verdict.counts["effects"] > 0
    assert (logger.handlers, logger.propagate, logger.level, threading.active_count()) == before
