"""Sessions on every engine: they end by idleness, by age, and by somebody's word."""

import pytest

from gateway.access import Duty, Sessions, Unauthenticated
from gateway.errors import NotFound
from gateway.ports import Ports
from gateway.store import Store
from tests.gateway.access.conftest import StillClock


@pytest.fixture
def sessions(store: Store, ports: Ports) -> Sessions:
    return Sessions(store, ports, lambda: "hilltop")


async def alive(sessions: Sessions, session: str) -> bool:
    try:
        await sessions.actor(session, csrf="", unsafe=False)
    except Unauthenticated:
        return False
    return True


async def test_it_ends_after_a_quarter_of_an_hour_without_a_request(
    sessions: Sessions, clock: StillClock
) -> None:
    begun = await sessions.begin("ada", [Duty.OPERATOR])
    for _ in range(4):
        clock.pass_(minutes=14.9)
        assert await alive(sessions, begun.session)
    clock.pass_(minutes=15.5)
    assert not await alive(sessions, begun.session)


async def test_it_ends_after_ten_hours_in_any_case(sessions: Sessions, clock: StillClock) -> None:
    begun = await sessions.begin("ada", [Duty.OPERATOR])
    for _ in range(59):
        clock.pass_(minutes=10)
        assert await alive(sessions, begun.session)
    clock.pass_(minutes=10)
    assert not await alive(sessions, begun.session)


async def test_it_is_ended_by_name_by_person_and_on_every_node(
    sessions: Sessions, store: Store, ports: Ports
) -> None:
    elsewhere = Sessions(store, ports, lambda: "hilltop")
    first, second, third = [await sessions.begin("ada", [Duty.OPERATOR]) for _ in range(3)]
    other = await sessions.begin("bob", [Duty.BILLER])
    await sessions.end(first.session, by="person:ada")
    assert not await alive(elsewhere, first.session)
    actor = await sessions.actor(second.session, csrf="", unsafe=False)
    await sessions.end(actor.credential, by="local")
    assert not await alive(elsewhere, second.session)
    await sessions.end_all("ada", by="local", reason="left")
    assert not await alive(elsewhere, third.session)
    assert await alive(elsewhere, other.session)
    with pytest.raises(NotFound):
        await sessions.end("ses_none", by="local")


async def test_the_store_has_nothing_that_opens(sessions: Sessions, store: Store) -> None:
    begun = await sessions.begin("ada", [Duty.OPERATOR, Duty.AUDITOR])
    kept = str([await store.fetch("sessions_of"), await store.fetch("audit_tail", limit=10)])
    (row,) = await store.fetch("sessions_of")
    assert row["roles"] == "auditor operator"
    for secret in (begun.session, begun.csrf):
        assert secret not in kept
    (facts,) = await sessions.list("ada")
    with pytest.raises(Unauthenticated):
        await sessions.actor(facts.name, csrf=begun.csrf, unsafe=True)


async def test_an_unsafe_request_needs_the_sessions_own_token(sessions: Sessions) -> None:
    mine, other = [await sessions.begin("ada", [Duty.OPERATOR]) for _ in range(2)]
    assert await sessions.actor(mine.session, csrf=mine.csrf, unsafe=True)
    for wrong in ("", other.csrf, mine.session, mine.csrf.upper(), "é"):
        with pytest.raises(Unauthenticated):
            await sessions.actor(mine.session, csrf=wrong, unsafe=True)


async def test_not_every_request_writes(
    sessions: Sessions, store: Store, clock: StillClock
) -> None:
    begun = await sessions.begin("ada", [Duty.OPERATOR])
    units = (await store.stats()).units
    for _ in range(30):
        clock.pass_(seconds=1)
        await sessions.actor(begun.session, csrf="", unsafe=False)
    assert (await store.stats()).units == units + 1
