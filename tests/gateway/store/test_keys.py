"""The key file: made once, for its owner only, and nothing opens without it."""

import os

import msgspec
import pytest

from gateway.errors import StorageFault
from gateway.ports import Ports
from gateway.store import Body, KeyRing, StoreSettings, Unit, WriterShape, open_store


def test_the_key_file_is_made_on_first_use_for_its_owner_only(tmp_path):
    path = tmp_path / "new" / "hub.key"
    ring = KeyRing.open(path)
    sealed = ring.seal_small("art_1", b"name.835")
    assert path.stat().st_mode & 0o777 == 0o600
    again = KeyRing.open(path)
    assert (ring.created, again.created) == (True, False)
    assert again.open_small("art_1", sealed) == b"name.835"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o700 | 0o010])
def test_a_key_file_others_may_read_is_refused(tmp_path, mode):
    path = tmp_path / "hub.key"
    KeyRing.open(path)
    path.chmod(mode)
    with pytest.raises(StorageFault) as caught:
        KeyRing.open(path)
    assert caught.value.code == "key_file_mode"


def test_a_damaged_key_file_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "hub.key"
    KeyRing.open(path)
    whole = path.read_bytes()
    fields = msgspec.json.decode(whole)
    for damaged in (
        b"",
        whole[:-20],
        msgspec.json.encode(fields | {"active": "00" * 8}),
        msgspec.json.encode(fields | {"index": "QUJD"}),
        msgspec.json.encode(fields | {"keys": {fields["active"]: "QUJD"}}),
        msgspec.json.encode(fields | {"more": 1}),
    ):
        path.write_bytes(damaged)
        with pytest.raises(StorageFault) as caught:
            KeyRing.open(path)
        assert caught.value.code == "key_file_invalid"
        assert path.read_bytes() == damaged


def test_a_sealed_value_of_one_row_does_not_open_for_another(tmp_path):
    ring = KeyRing.open(tmp_path / "hub.key")
    sealed = ring.seal_small("art_1", b"name.835")
    with pytest.raises(StorageFault):
        ring.open_small("art_2", sealed)


def test_a_blind_index_is_stable_per_key_file_and_differs_per_field(tmp_path):
    ring = KeyRing.open(tmp_path / "a.key")
    index = ring.blind_index("member_id", "X1")
    assert index == KeyRing.open(tmp_path / "a.key").blind_index("member_id", "X1")
    assert len(index) == 64
    others = {
        ring.blind_index("member_id", "X2"),
        ring.blind_index("claim_id", "X1"),
        KeyRing.open(tmp_path / "b.key").blind_index("member_id", "X1"),
    }
    assert len(others | {index}) == 4


def test_two_hubs_that_make_the_key_at_once_end_with_one_and_the_same(tmp_path):
    path = tmp_path / "hub.key"
    KeyRing.open(path)
    whole = path.read_bytes()
    assert KeyRing._create(path).to_bytes() == whole
    assert path.read_bytes() == whole
    assert [file.name for file in tmp_path.iterdir()] == ["hub.key"]


def test_a_key_file_that_was_cut_off_while_it_was_made_is_made_anew(tmp_path):
    (tmp_path / "hub.key.part").write_bytes(b'{"format": "remithub-k' * 100)
    ring = KeyRing.open(tmp_path / "hub.key")
    assert KeyRing.open(tmp_path / "hub.key").to_bytes() == ring.to_bytes()
    assert [file.name for file in tmp_path.iterdir()] == ["hub.key"]


@pytest.mark.parametrize("shape", list(WriterShape))
async def test_a_wrong_key_is_refused_and_nothing_is_changed(folder, open_sqlite, shape):
    store = await open_sqlite(writer=shape)
    await store.commit(Unit(bodies=(Body("b", b"text"),)))
    await store.close()
    other = KeyRing.open(folder / "other.key")
    settings = StoreSettings(path=folder / "hub.db", writer=shape)
    with pytest.raises(StorageFault, match="not the one") as caught:
        await open_store(settings, other, Ports())
    assert caught.value.code == "wrong_key"
    assert await (await open_sqlite(writer=shape)).body("b") == b"text"


@pytest.mark.parametrize("kind", ["link", "dangling link", "folder", "pipe"])
def test_only_a_plain_file_is_a_key_file(tmp_path, kind):
    path, other = tmp_path / "hub.key", tmp_path / "other.key"
    match kind:
        case "link":
            KeyRing.open(other)
            path.symlink_to(other)
        case "dangling link":
            path.symlink_to(other)
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
    with pytest.raises(StorageFault) as caught:
        KeyRing.open(path)
    assert caught.value.code == "key_file_invalid"
    assert other.exists() == (kind == "link")


async def test_the_database_and_its_log_are_their_owners_only(tmp_path):
    before = os.umask(0o022)
    try:
        settings = StoreSettings(path=tmp_path / "hub.db", writer=WriterShape.THREAD)
        store = await open_store(settings, KeyRing.open(tmp_path / "hub.key"), Ports())
        await store.commit(Unit(bodies=(Body(body_id="bod_1", data=b"x"),)))
        modes = {file.name: file.stat().st_mode & 0o077 for file in tmp_path.iterdir()}
        await store.close()
    finally:
        os.umask(before)
    assert {"hub.db", "hub.db-wal", "hub.db-shm", "hub.db.lock"} <= set(modes)
    assert set(modes.values()) == {0}
