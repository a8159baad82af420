"""Bugs that are planted into the hub to see whether the simulation finds them.

A bug is a function that patches what it spoils; nothing in the product knows of it. `BUGS` holds
all of them by name, `hunt` looks for the first seed that finds one.
"""

import time
from collections.abc import Callable
from typing import NamedTuple

import pytest

from gateway.simulation.story import simulate

Plant = pytest.MonkeyPatch
BUGS: dict[str, Callable[[Plant], None]] = {}


class Caught(NamedTuple):
    """Where a bug was found first; `seed` is -1 where it was not."""

    seed: int
    seeds: int
    cpu_seconds: float
    invariant: str
    seen: str


def bug(plant: Callable[[Plant], None]) -> Callable[[Plant], None]:
    """Keep a bug under the name of its function."""
    BUGS[plant.__name__] = plant
    return plant


def hunt(name: str, *, seeds: int, first: int = 0) -> Caught:
    """Plant the bug and run seeds until one breaks a promise."""
    began = time.process_time()
    with Plant.context() as patch:
        BUGS[name](patch)
        for number, seed in enumerate(range(first, first + seeds), 1):
            verdict = simulate(seed)
            if not verdict.holds:
                broken = verdict.violations[0]
                took = time.process_time() - began
                return Caught(seed, number, took, broken.invariant, broken.seen)
    return Caught(-1, seeds, time.process_time() - began, "", "")
