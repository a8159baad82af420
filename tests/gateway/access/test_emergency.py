"""Wrong tries at the local account shut out the address they come from, and nobody else for long."""

import pytest

from gateway.access import Pager, Sessions
from gateway.access.codes import code_at, step_at
from gateway.access.emergency import LOCKED_AFTER, LOCKED_FOR_ALL_AFTER, Emergency
from gateway.access.passwords import new_password
from gateway.access.refusals import Unauthenticated
from gateway.errors import Conflict
from gateway.ports import Ports, SystemIds
from gateway.settings import AccessSettings, BreakGlassSettings, Config, HubSettings
from gateway.settings.structs import RoutesFile
from gateway.store import Store
from tests.gateway.access.conftest import StillClock

MADE = new_password(SystemIds())


@pytest.fixture
def emergency(store: Store, ports: Ports) -> Emergency:
    access = AccessSettings(break_glass=BreakGlassSettings(user="warden", secret="warden"))
    config = Config(
        hub=HubSettings(access=access), interfaces={}, routes=RoutesFile(routes=()), files={}
    )
    sessions = Sessions(store, ports, lambda: "hilltop")
    secret = {"warden": MADE.kept}.__getitem__
    return Emergency(
        config=lambda: config,
        store=store,
        ports=ports,
        sessions=sessions,
        pager=Pager(config=lambda: config, store=store, ports=ports, secret=secret),
        secret=secret,
    )


async def tried(emergency: Emergency, clock: StillClock, source: str, password: str) -> str:
    """Try to get in; say what came of it."""
    code = code_at(step_at(clock.now().timestamp()), MADE.seed)
    try:
        await emergency.begin(
            user="warden", password=password, code=code, reason="away", source=source
        )
    except Unauthenticated:
        return "refused"
    except Conflict as conflict:
        return conflict.code
    return "in"


async def test_guesses_of_one_address_shut_out_that_address_only(
    emergency: Emergency, clock: StillClock
) -> None:
    said = [await tried(emergency, clock, "203.0.113.9", "guess") for _ in range(LOCKED_AFTER)]
    assert set(said) == {"refused"}
    assert await tried(emergency, clock, "203.0.113.9", MADE.password) == "break_glass_locked"
    assert await tried(emergency, clock, "192.0.2.1", MADE.password) == "in"
    clock.pass_(minutes=15.1)
    assert await tried(emergency, clock, "203.0.113.9", MADE.password) == "in"


async def test_guesses_of_many_addresses_are_bounded_too(
    emergency: Emergency, clock: StillClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.access.emergency.LOCKED_FOR_ALL_AFTER", 3)
    assert LOCKED_FOR_ALL_AFTER > 3
    for at in range(3):
        assert await tried(emergency, clock, f"203.0.113.{at}", "guess") == "refused"
    assert await tried(emergency, clock, "192.0.2.1", MADE.password) == "break_glass_locked"


async def test_a_code_serves_once(emergency: Emergency, clock: StillClock) -> None:
    assert await tried(emergency, clock, "192.0.2.1", MADE.password) == "in"
    assert await tried(emergency, clock, "192.0.2.1", MADE.password) == "refused"
    clock.pass_(seconds=30)
    assert await tried(emergency, clock, "192.0.2.1", MADE.password) == "in"
