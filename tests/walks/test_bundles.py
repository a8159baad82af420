"""Configurations outlive the process and the folder they were read from."""

import re
import shutil

from gateway.app import BundleShelf, Hub, read_bundle
from gateway.store import Statement, Unit
from tests.walks.world import FEED


async def test_a_stored_configuration_compiles_to_the_same_bundle(world, root, tmp_path):
    demo = tmp_path / "another"
    shutil.copytree(root / "config/demo", demo / "config")
    text = "".join(file.read_text() for file in demo.rglob("*.yaml"))
    names = re.findall(r"\$\{env:(\w+)\}", text)
    values = {"PORT": "1", "KEY": "ssh-ed25519 AAAA", "URL": "http://127.0.0.1:1"}
    needed = {name: values[name.rpartition("_")[2]] for name in names}
    bundle = read_bundle(demo, needed)
    hub = world.hub = await Hub.open(world.root, needed)
    row = {"hash": bundle.hash, "at": 0, "body": BundleShelf.text(bundle)}
    await hub.store.commit(Unit(statements=(Statement("bundle_insert", row),)))
    shutil.rmtree(demo)
    recalled = await hub.bundles.recall(bundle.hash)
    assert recalled is not None
    assert (recalled.hash, recalled.lanes()) == (bundle.hash, bundle.lanes())
    assert await hub.bundles.recall("unknown") is None


async def test_what_was_accepted_before_a_restart_is_read_as_it_was_then(world, partner, advice):
    hub = await world.start()
    await hub.ownership.stop()  # nothing is processed before the restart
    first = hub.bundles.current.hash
    await world.hand_over(advice(1))
    await world.stop()
    world.write("config/interfaces/feed.yaml", FEED + "title: Another\n")
    hub = await world.start()
    await world.settled()
    (artifact,) = await hub.store.fetch("artifacts", limit=9)
    (message,) = await hub.store.fetch(
        "messages_of_contract", contract="remittance-advice", limit=9
    )
    assert hub.bundles.current.hash != first
    assert artifact["bundle"] == message["bundle"] == first
    assert len(partner.effects) == 1
