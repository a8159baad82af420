"""F-KEY: how long a wrong API key is looked at tells nothing of the right one.

After dudect (Reparaz, Balasch, Verbauwhede, 2017): two kinds of input in random order, the slowest
times cut off, Welch's t-test; above 4.5 the times differ. A comparison that stops at the first
difference is measured the same way, and must be found out.
"""

import gc
import random
import statistics
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

import pytest

from gateway.access import Keys
from gateway.ports import Ports
from gateway.settings import ClientSettings
from gateway.store import KeyRing, StoreSettings
from gateway.store.opening import open_store

CLIENT = ClientSettings(client="billing", scopes=("health.read",))
BOUND = 4.5
CUT = 0.9
DIGITS = "0123456789abcdef"
SAME = str.maketrans(DIGITS, DIGITS)
TURNED = str.maketrans(DIGITS, "1234567890bcdefa")
Check = Callable[[str], Awaitable[Any]]


class Figures(Protocol):
    """What `report` is."""

    def __call__(self, proof: str, **figures: Any) -> None: ...


async def t_of(check: Check, key: str, requests: int) -> float:
    """Return Welch's t between secrets that begin rightly and the same ones with every digit turned
    into another: figures stay figures and letters letters, so that reading them takes the same."""
    name, _, secret = key.partition(".")
    randomness = random.Random(7)
    taken: tuple[list[int], list[int]] = ([], [])
    gc.disable()
    try:
        for _ in range(requests):
            near = secret[:-8] + f"{randomness.getrandbits(32):08x}"
            far = randomness.getrandbits(1)
            presented = f"{name}.{near.translate((SAME, TURNED)[far])}"
            began = time.perf_counter_ns()
            await check(presented)
            taken[far].append(time.perf_counter_ns() - began)
    finally:
        gc.enable()
    most = sorted(taken[0] + taken[1])[int(requests * CUT)]
    first, second = ([one for one in times if one <= most] for times in taken)
    spread = statistics.variance(first) / len(first) + statistics.variance(second) / len(second)
    return (statistics.fmean(first) - statistics.fmean(second)) / spread**0.5


@pytest.mark.soak
async def test_a_nearly_right_key_is_refused_as_fast_as_any(
    tmp_path: Path, report: Figures
) -> None:
    settings = StoreSettings(path=tmp_path / "hub.db")
    ports = Ports()
    store = await open_store(settings, KeyRing.open(tmp_path / "hub.key"), ports)
    try:
        keys = Keys(store, ports)
        key = (await keys.create(CLIENT, by="local")).key
        assert await keys.check(key) is not None

        async def leaky(presented: str) -> bool:
            return all(a == b for a, b in zip(presented, key, strict=True))

        t = await t_of(keys.check, key, 100_000)
        control = await t_of(leaky, key, 20_000)
        report("F-KEY", requests=100_000, t=t, t_of_a_leak=control)
        assert abs(control) > BOUND
        assert abs(t) < BOUND
    finally:
        await store.close()
