"""A full disk: a clear fault, nothing half done, and on it goes when there is room."""

import os

import pytest

from gateway.errors import StorageFault, TryAgain
from gateway.store import Body, StoreUnavailable, Unit, WriterShape

_MIB = 1 << 20


@pytest.mark.parametrize("shape", list(WriterShape))
async def test_a_full_store_refuses_whole_units_and_goes_on_with_room(open_sqlite, rows, shape):
    store = await open_sqlite(writer=shape, max_bytes=2 * _MIB)
    lane = await rows.make_lane(store)
    written = 0
    with pytest.raises(StoreUnavailable) as caught:  # noqa: PT012  how many fit is not known
        while written < 50:
            await store.commit(rows.delivery(lane, f"msg_{written}", os.urandom(100_000)))
            written += 1
    fault = caught.value
    assert isinstance(fault, StorageFault)
    assert isinstance(fault, TryAgain)
    assert fault.code == "disk_full"
    assert 5 < written < 25
    owed = await store.fetch("owed_window", lane_id=lane, after_seq=0, limit=99)
    assert len(owed) == written
    assert len(await store.body("msg_0")) == 100_000
    await store.commit(rows.delivery(lane, "small"))
    await store.close()

    store = await open_sqlite(writer=shape)
    await store.commit(rows.delivery(lane, f"msg_{written}", os.urandom(100_000)))
    assert (await store.fetch("lane_by_id", lane_id=lane))[0]["head"] == written + 2


async def test_a_refused_group_leaves_counts_and_audit_as_they_were(open_sqlite, rows):
    store = await open_sqlite(max_bytes=_MIB)
    lane = await rows.make_lane(store)
    await store.commit(rows.delivery(lane, "msg_1"))
    big = rows.delivery(lane, "big", os.urandom(2 * _MIB))
    with pytest.raises(StoreUnavailable):
        await store.commit(big)
    assert (await store.fetch("counters"))[0]["value"] == 1
    assert await store.fetch("message_by_id", message_id="big") == []
    await store.commit(Unit(bodies=(Body("next", b"x"),)))
