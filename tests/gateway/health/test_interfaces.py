"""The state of an interface from plain facts, over a store with a few rows."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.health import (
    DestinationFacts,
    Direction,
    InterfaceFacts,
    InterfaceState,
    LaneFacts,
    PollFacts,
    look,
    render,
    snapshot,
)
from gateway.ports import Ports
from gateway.store import (
    KeyRing,
    Room,
    Statement,
    Store,
    StoreSettings,
    Unit,
    WriterShape,
    open_store,
)

NOW = 10_000_000_000
ROOM = Room(free_bytes=7, low_bytes=3)
MINUTE = 60_000


def there(**changed: Any) -> DestinationFacts:
    facts = {
        "breaker": "closed",
        "probe_in_seconds": None,
        "places": 16,
        "per_second": None,
        "quiet_seconds": 0.0,
    }
    return DestinationFacts(**{**facts, **changed})


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    settings = StoreSettings(path=tmp_path / "hub.db", writer=WriterShape.THREAD)
    there = await open_store(settings, KeyRing.open(tmp_path / "hub.key"), Ports())
    yield there
    await there.close()


async def owe(store: Store, *ages: int) -> int:
    """Owe one item per age (in milliseconds before NOW) on the one lane; return the lane's id."""
    lane = {"name": "deliver:all:erp", "kind": "deliver", "interface": "erp"}
    ensure = Statement("lane_ensure", {**lane, "destination": "erp", "route": "all"})
    lane_id: int = (await store.commit(Unit(statements=(ensure,)))).rows[0][0]["lane_id"]
    for number, age in enumerate(ages):
        row = {
            "lane_id": lane_id,
            "item_id": f"msg_{number}",
            "delivery_id": f"dlv_{number}",
            "order_key": "",
            "at": NOW - age,
        }
        await store.commit(Unit(statements=(Statement("owe", row),)))
    return lane_id


async def set_aside(store: Store, lane_id: int, seq: int, state: str, cents: int) -> None:
    row: dict[str, Any] = {
        "lane_id": lane_id,
        "seq": seq,
        "part_offset": -1,
        "state": state,
        "due_at": NOW,
        "attempts": 1,
        "generation": 0,
        "failure": "message",
        "code": "refused",
        "detail": "",
        "fingerprint": "err_1",
        "order_key": "",
        "since": NOW,
        "amount_cents": cents,
        "correlation": "",
    }
    await store.commit(Unit(statements=(Statement("retry_put", row),)))


def erp(**more: Any) -> InterfaceFacts:
    return InterfaceFacts(name="erp", direction=Direction.OUT, **more)


@pytest.mark.parametrize(
    ("facts", "age", "state", "reason"),
    [
        ({}, MINUTE, InterfaceState.UP, ""),
        ({"destination": there()}, MINUTE, InterfaceState.UP, ""),
        (
            {"destination": there(breaker="open", probe_in_seconds=12.0)},
            MINUTE,
            InterfaceState.DEGRADED,
            "breaker open, probe in 12 s",
        ),
        (
            {"destination": there(breaker="half_open")},
            MINUTE,
            InterfaceState.DEGRADED,
            "breaker half_open",
        ),
        (
            {"destination": there(quiet_seconds=40.0)},
            MINUTE,
            InterfaceState.DEGRADED,
            "throttled for 40 s",
        ),
        ({"poll": PollFacts(fault="no_reach")}, MINUTE, InterfaceState.DEGRADED, "no_reach"),
        ({}, 16 * MINUTE, InterfaceState.STUCK, "owed for more than 15 minutes"),
        (
            {"destination": there(breaker="open")},
            16 * MINUTE,
            InterfaceState.STUCK,
            "owed for more than 15 minutes",
        ),
        ({"paused": "bad_login"}, 16 * MINUTE, InterfaceState.PAUSED, "bad_login"),
        (
            {"poll": PollFacts(fault="bad_login", paused=True)},
            MINUTE,
            InterfaceState.PAUSED,
            "bad_login",
        ),
    ],
)
async def test_the_worst_state_is_the_one_that_is_shown(
    store: Store, facts: dict[str, Any], age: int, state: InterfaceState, reason: str
) -> None:
    await owe(store, age)
    (found,) = await look([erp(**facts)], {}, store, now=NOW)
    assert (found.state, found.reason) == (state, reason)


async def test_without_an_owner_the_stored_cursor_says_how_far_it_came(store: Store) -> None:
    await owe(store, 5 * MINUTE, 3 * MINUTE, MINUTE)
    (found,) = await look([erp()], {}, store, now=NOW)
    assert found.backlog == 3
    assert found.oldest_at == NOW - 5 * MINUTE
    assert found.last_file_at == NOW - MINUTE


async def test_a_running_owner_knows_better_than_the_cursor_that_follows_lazily(
    store: Store,
) -> None:
    await owe(store, 20 * MINUTE, 3 * MINUTE, MINUTE)
    lanes = {"deliver:all:erp": LaneFacts(settled_to=1, read_to=2, pending=1)}
    (found,) = await look([erp()], lanes, store, now=NOW)
    assert (found.backlog, found.oldest_at) == (2, NOW - 3 * MINUTE)
    assert found.state is InterfaceState.UP
    lanes = {"deliver:all:erp": LaneFacts(settled_to=3, read_to=3, pending=0)}
    (found,) = await look([erp()], lanes, store, now=NOW)
    assert (found.backlog, found.oldest_at) == (0, 0)


async def test_what_waits_for_a_person_is_summed_with_its_money(store: Store) -> None:
    lane_id = await owe(store, *[MINUTE] * 4)
    for seq, (state, cents) in enumerate(
        [("dead", 100_05), ("held", 5), ("waiting", 7_00), ("parked", -3_00)], 1
    ):
        await set_aside(store, lane_id, seq, state, cents)
    (found,) = await look([erp()], {}, store, now=NOW)
    assert (found.waits_for_person.count, found.waits_for_person.amount) == (3, "97.10")
    assert found.set_aside["waiting"].amount == "7.00"
    assert set(found.set_aside) == {"dead", "held", "waiting", "parked"}


async def test_an_interface_of_which_nothing_is_known_is_up_and_empty(store: Store) -> None:
    (found,) = await look([erp()], {}, store, now=NOW)
    assert (found.state, found.backlog, found.waits_for_person.amount) == ("up", 0, "0.00")


async def test_the_figures_are_those_of_the_interfaces(store: Store) -> None:
    lane_id = await owe(store, 2 * MINUTE, MINUTE)
    await set_aside(store, lane_id, 1, "dead", 12_34)
    counts = (
        ("erp", "attempts_done", 3),
        ("erp", "deliveries_done", 2),
        ("erp", "cents_done", 99),
    )
    await store.commit(Unit(counts=counts))
    found = await look(
        [erp(destination=there(breaker="open", places=0, per_second=20.0))], {}, store, now=NOW
    )
    text = render(await snapshot(found, store, ready=True, room=ROOM, now=NOW)).decode()
    for line in (
        "remithub_ready 1.0",
        "remithub_disk_free_bytes 7.0",
        'remithub_interface_state{interface="erp",state="degraded"} 1.0',
        'remithub_interface_state{interface="erp",state="up"} 0.0',
        'remithub_backlog{interface="erp"} 2.0',
        'remithub_oldest_owed_seconds{interface="erp"} 120.0',
        'remithub_set_aside{interface="erp",state="dead"} 1.0',
        'remithub_set_aside_cents{interface="erp",state="dead"} 1234.0',
        'remithub_attempts_total{interface="erp",outcome="done"} 3.0',
        'remithub_deliveries_total{interface="erp",outcome="done"} 2.0',
        'remithub_delivered_cents{interface="erp"} 99.0',
    ):
        assert line in text.splitlines()


async def test_a_hub_without_room_is_not_ready(store: Store) -> None:
    nearly_full = Room(free_bytes=2, low_bytes=3)
    text = render(await snapshot([], store, ready=True, room=nearly_full, now=NOW)).decode()
    assert "remithub_ready 0.0" in text.splitlines()
