"""Bit rot: one bit that flips in a stored body is seen, its item waits for a person, others go on."""

import asyncio
import contextlib
import random
import sqlite3
from collections import Counter
from pathlib import Path

import pytest

from gateway.errors import StorageFault
from gateway.model.states import RetryState
from gateway.ports import Ports
from gateway.store import Body, KeyRing, StoreSettings, Unit, WriterShape, open_store
from tests.gateway.live import advice
from tests.walks.world import FEED, ROUTES, Partner, World, listening

SEED = 20261125
SIZES = (1, 40, 700, 4000, 30_000)


def flip(database: Path, body_id: str, chance: random.Random) -> None:
    """Flip one bit of what is stored of a body."""
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        chunks = connection.execute("SELECT chunk, sealed FROM body WHERE body_id = ?", (body_id,))
        chunk, sealed = chance.choice(chunks.fetchall())
        bit = chance.randrange(8 * len(sealed))
        rotten = bytearray(sealed)
        rotten[bit // 8] ^= 1 << bit % 8
        connection.execute(
            "UPDATE body SET sealed = ? WHERE body_id = ? AND chunk = ?",
            (bytes(rotten), body_id, chunk),
        )


async def flips_seen(folder: Path, flips: int) -> Counter[str]:
    """Flip a bit in so many bodies and read every body: how each of the rotten ones ended."""
    chance = random.Random(SEED)
    keys = KeyRing.open(folder / "hub.key")
    settings = StoreSettings(path=folder / "hub.db", writer=WriterShape.THREAD, cache_bytes=0)
    plain = {
        f"bod_{number}": chance.randbytes(chance.choice(SIZES)) for number in range(2 * flips)
    }
    store = await open_store(settings, keys, Ports())
    bodies = [Body(name, data) for name, data in plain.items()]
    for at in range(0, len(bodies), 100):
        await store.commit(Unit(bodies=tuple(bodies[at : at + 100])))
    await store.close()

    rotten = set(chance.sample(sorted(plain), flips))
    for name in sorted(rotten):
        flip(folder / "hub.db", name, chance)
    found: Counter[str] = Counter()
    store = await open_store(settings, keys, Ports())
    for name, data in plain.items():
        try:
            read = await store.body(name)
        except StorageFault as fault:
            assert name in rotten, "a sound body does not open"
            found[fault.code] += 1
        else:
            assert read == data
    await store.close()
    return found


@pytest.mark.slow
async def test_every_flipped_bit_is_seen_and_no_sound_body_suffers(tmp_path, report):
    found = await flips_seen(tmp_path, 100)
    report("T-ROT", flips=100, **found)
    assert found == {"body_damaged": 100}


@pytest.mark.soak
async def test_a_thousand_flipped_bits_are_all_seen(tmp_path, report):
    found = await flips_seen(tmp_path, 1000)
    report("T-ROT", flips=1000, **found)
    assert found == {"body_damaged": 1000}


@pytest.mark.slow
async def test_a_rotten_item_waits_for_a_person_and_the_others_go_on(tmp_path):
    """Half of what is owed rots while the hub is away: artifacts not processed yet, and messages
    not delivered yet. Nothing of it is delivered, all of the other half is."""
    chance = random.Random(SEED)
    async with listening(Partner()) as partner:
        world = World(tmp_path, partner)
        world.write("config/interfaces/feed.yaml", FEED)
        world.write("config/routes.yaml", ROUTES)
        world.partner_is("key")
        await world.start()
        world.hub.workers.destinations["partner"].paused = "a test"
        for number in range(8):
            await world.hand_over(advice(number))
        await _all_processed(world, 8)
        runner = world.hub.workers.runners["process:feed"]
        runner.destination.paused = "a test"
        for number in range(8, 16):
            await world.hand_over(advice(number))
        await world.stop()

        rotten = _owed_bodies(tmp_path / "var/hub.db")
        assert {kind: len(names) for kind, names in rotten.items()} == {
            "artifact": 8,
            "message": 8,
        }
        for names in rotten.values():
            for name in names[::2]:
                flip(tmp_path / "var/hub.db", name, chance)

        await world.start()
        await world.settled(seconds=30)
        rows = await world.hub.store.fetch("retries", limit=100)
        assert {(row["state"], row["code"]) for row in rows} == {(RetryState.DEAD, "body_damaged")}
        assert Counter(row["kind"] for row in rows) == {"process": 4, "deliver": 4}
        assert len(partner.effects) == 8
        await world.stop()


async def _all_processed(world: World, count: int) -> None:
    async with asyncio.timeout(20):
        while await world.counter("feed", "parts_accepted") < count:
            await asyncio.sleep(0.02)


def _owed_bodies(database: Path) -> dict[str, list[str]]:
    """The bodies of artifacts without a part, and of messages without an attempt."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        artifacts = connection.execute(
            "SELECT body_id FROM artifact WHERE artifact_id NOT IN (SELECT artifact_id FROM part)"
            " ORDER BY body_id"
        ).fetchall()
        messages = connection.execute(
            "SELECT item_id FROM owed JOIN lane USING (lane_id) WHERE kind = 'deliver'"
            " AND (lane_id, seq) NOT IN (SELECT lane_id, seq FROM attempt) ORDER BY item_id"
        ).fetchall()
    return {"artifact": [row[0] for row in artifacts], "message": [row[0] for row in messages]}
