"""A running hub follows its folder, or keeps what it has."""

import pytest

from gateway.errors import ConfigError
from gateway.pipeline import Arrival
from gateway.ports import Ports
from gateway.store import StoreUnavailable
from tests.walks.world import FEED, ROUTES, status


async def test_a_new_interface_is_added_by_dropping_its_file(world, partner, advice):
    await world.start()
    world.write(
        "config/interfaces/second.yaml", FEED.replace("interface: feed", "interface: second")
    )
    reloaded = await world.hub.reload()
    assert reloaded.changed
    assert "second" in reloaded.interfaces

    async def blocks():
        import json

        yield json.dumps(advice(5)).encode()

    await world.hub.flow.accept(Arrival(interface="second"), blocks())
    await world.settled()
    assert len(partner.effects) == 1


async def test_a_broken_file_is_refused_and_the_old_configuration_stays(world, partner, advice):
    await world.start()
    before = world.hub.bundles.current.hash
    world.write(
        "config/interfaces/second.yaml", "interface: second\ndirection: in\nfromat: json\n"
    )
    with pytest.raises(ConfigError) as caught:
        await world.hub.reload()
    assert (caught.value.file, caught.value.line) == ("interfaces/second.yaml", 3)
    assert "fromat" in caught.value.reason
    assert world.hub.bundles.current.hash == before
    await world.hand_over(advice(1))
    await world.settled()
    assert len(partner.effects) == 1


async def test_a_missing_secret_is_refused_and_the_old_configuration_stays(world, partner, advice):
    await world.start()
    text = (world.root / "config/interfaces/partner.yaml").read_text()
    world.write(
        "config/interfaces/partner.yaml",
        text.replace(
            "settings:\n", "settings:\n  auth: {type: bearer, token: '${secret:nope}'}\n"
        ),
    )
    with pytest.raises(ConfigError, match="nope"):
        await world.hub.reload()
    await world.hand_over(advice(1))
    await world.settled()
    assert len(partner.effects) == 1


async def test_a_destination_that_is_still_owed_something_cannot_be_removed(
    world, partner, advice
):
    partner.script = [status(422)]
    await world.start()
    await world.hand_over(advice(1))
    await world.settled()
    world.write("config/routes.yaml", ROUTES.replace("to: partner", "to: none"))
    (world.root / "config/interfaces/partner.yaml").unlink()
    with pytest.raises(ConfigError, match="still owes"):
        await world.hub.reload()


async def test_a_reload_lets_a_paused_destination_run_again(world, partner, advice):
    partner.script = [status(401)]
    await world.start()
    await world.hand_over(advice(1))
    while not world.hub.workers.destinations["partner"].paused:
        await world.hub.ports.clock.sleep(0.01)
    await world.hub.reload()
    await world.settled()
    assert len(partner.effects) == 1


async def test_a_reload_leaves_alone_what_a_person_has_paused(world, partner, advice):
    await world.start()
    await world.hub.pause("partner", actor="ann", reason="their upgrade")
    await world.hand_over(advice(1))
    await world.hub.reload()
    await world.hub.ports.clock.sleep(0.2)
    assert world.hub.workers.destinations["partner"].paused
    assert partner.requests == []
    await world.hub.resume("partner", actor="ann")
    await world.settled()
    assert len(partner.effects) == 1


async def test_a_reload_changes_how_much_is_processed_at_once(world):
    await world.start()
    world.write("config/interfaces/feed.yaml", FEED + "concurrency: 2\n")
    await world.hub.reload()
    assert world.hub.workers.runners["process:feed"].destination.concurrency == 2


async def test_traffic_goes_on_through_many_reloads(world, partner, advice):
    await world.start()
    for number in range(40):
        await world.hand_over(advice(number))
        if number % 4 == 0:
            world.write("config/interfaces/feed.yaml", FEED + f"title: Number {number}\n")
            await world.hub.reload()
    await world.settled()
    assert len(partner.effects) == 40
    assert set(partner.effects.values()) == {1}
    assert len(partner.requests) == 40


async def test_a_reload_that_cannot_be_put_on_record_changes_nothing(world, partner, advice):
    full = False

    def fail(name: str) -> None:
        if full and name == "store.before_commit":
            raise StoreUnavailable("No room.", code="disk_full")

    await world.start(Ports(fail_point=fail))
    world.write("config/routes.yaml", ROUTES.replace("to: partner", "to: none"))
    (world.root / "config/interfaces/partner.yaml").unlink()
    full = True
    with pytest.raises(StoreUnavailable):
        await world.hub.reload()
    full = False
    await world.hand_over(advice(1))
    await world.settled()
    assert await world.states() == []
    assert len(partner.effects) == 1


async def test_a_secret_that_was_renewed_is_taken_up_by_a_reload(world, partner, advice):
    text = (world.root / "config/interfaces/partner.yaml").read_text()
    auth = "settings:\n  auth: {type: bearer, token: '${secret:token}'}\n"
    world.write("config/interfaces/partner.yaml", text.replace("settings:\n", auth))
    world.write("var/secrets/token", "old")
    seen = []

    def look(_partner, request, _key):
        seen.append(request.headers["Authorization"])

    partner.script = [look, look]
    await world.start()
    await world.hand_over(advice(1))
    await world.settled()
    world.write("var/secrets/token", "new")
    assert (await world.hub.reload()).opened == ("partner",)
    await world.hand_over(advice(2))
    await world.settled()
    assert seen == ["Bearer old", "Bearer new"]
    assert (await world.hub.reload()).opened == ()
