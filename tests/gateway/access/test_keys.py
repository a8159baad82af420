"""API keys on every engine: two live ones, an end to each, and nothing kept that opens anything."""

import hashlib
import statistics
import time

import pytest

from gateway.access import Keys
from gateway.errors import Conflict, NotFound, UsageFault
from gateway.ports import Ports
from gateway.settings import ClientSettings
from gateway.store import Store
from tests.gateway.access.conftest import StillClock

CLIENT = ClientSettings(client="billing", scopes=("message.read", "message.submit"), key_days=30)


@pytest.fixture
def keys(store: Store, ports: Ports) -> Keys:
    return Keys(store, ports)


async def test_a_key_is_good_until_its_end(keys: Keys, clock: StillClock) -> None:
    made = await keys.create(CLIENT, by="local")
    clock.pass_(days=29.9)
    facts = await keys.check(made.key)
    assert facts is not None
    assert facts.scopes == ("message.read", "message.submit")
    clock.pass_(days=0.1)
    assert await keys.check(made.key) is None


async def test_the_store_has_nothing_that_opens(keys: Keys, store: Store) -> None:
    made = await keys.create(CLIENT, by="local")
    name, _, secret = made.key.partition(".")
    (row,) = await store.fetch("api_key_get", key_id=name)
    assert secret not in str(row)
    assert row["secret_hash"] == hashlib.sha256(secret.encode()).hexdigest()
    assert len(bytes.fromhex(secret)) == 32
    audit = await store.fetch("audit_tail", limit=10)
    assert [(entry["action"], entry["object_id"]) for entry in audit] == [("key.create", name)]
    assert secret not in str(audit)


async def test_a_client_has_two_live_keys_at_most(keys: Keys, clock: StillClock) -> None:
    first = await keys.create(CLIENT, by="local")
    clock.pass_(days=15)
    await keys.create(CLIENT, by="local")
    with pytest.raises(Conflict) as refused:
        await keys.create(CLIENT, by="local")
    assert refused.value.code == "key_limit"
    clock.pass_(days=15)
    assert await keys.check(first.key) is None
    await keys.create(CLIENT, by="local")
    other = ClientSettings(client="other", scopes=("health.read",))
    await keys.create(other, by="local")


async def test_rotation_leaves_the_old_key_an_overlap(keys: Keys, clock: StillClock) -> None:
    old = await keys.create(CLIENT, by="local", scopes=("message.read",), label="rack 4")
    new = await keys.rotate(CLIENT, by="local", overlap_hours=2)
    assert (new.facts.scopes, new.facts.label) == (("message.read",), "rack 4")
    clock.pass_(minutes=119)
    assert await keys.check(old.key)
    assert await keys.check(new.key)
    clock.pass_(minutes=1)
    assert await keys.check(old.key) is None
    assert await keys.check(new.key)
    with pytest.raises(NotFound):
        await keys.rotate(ClientSettings(client="none", scopes=("health.read",)), by="local")


async def test_a_revoked_key_is_gone_here_at_once_and_elsewhere_soon(
    keys: Keys, store: Store, ports: Ports, clock: StillClock
) -> None:
    elsewhere = Keys(store, ports)
    made = await keys.create(CLIENT, by="local")
    assert await elsewhere.check(made.key)
    await keys.revoke(made.facts.key_id, by="person:ada", reason="lost")
    assert await keys.check(made.key) is None
    clock.pass_(seconds=6)
    assert await elsewhere.check(made.key) is None
    again = await keys.revoke(made.facts.key_id, by="person:ada")
    assert again.revoked_at < keys.now()
    ended = [
        row for row in await store.fetch("audit_tail", limit=9) if row["action"] == "key.revoke"
    ]
    assert [(row["actor"], row["reason"]) for row in ended] == [("person:ada", "lost")]


async def test_the_last_use_is_kept_to_the_hour(
    keys: Keys, store: Store, clock: StillClock
) -> None:
    made = await keys.create(CLIENT, by="local")
    units = (await store.stats()).units
    for _ in range(50):
        await keys.check(made.key)
    assert (await store.stats()).units == units + 1
    clock.pass_(minutes=61)
    await keys.check(made.key)
    (facts,) = await keys.list("billing")
    assert facts.used_at == keys.now()


@pytest.mark.parametrize("days", [-1, 366])
async def test_no_key_lives_longer_than_a_year(keys: Keys, days: int) -> None:
    with pytest.raises(UsageFault):
        await keys.create(CLIENT, by="local", days=days)


async def test_a_client_without_scopes_gets_no_key(keys: Keys) -> None:
    with pytest.raises(Conflict):
        await keys.create(ClientSettings(client="empty"), by="local")


async def test_a_right_name_with_a_wrong_secret_takes_as_long_as_a_wrong_name(
    store: Store, ports: Ports
) -> None:
    """No timing here would be sure on a shared machine: a difference of orders must show."""
    keys = Keys(store, ports)
    made = await keys.create(CLIENT, by="local")
    wrong = f"{made.facts.key_id}.{'0' * 64}"
    nobody = f"rhk_{'0' * 32}.{'0' * 64}"
    spent: dict[str, list[float]] = {wrong: [], nobody: []}
    for _ in range(60):
        for presented, times in spent.items():
            began = time.perf_counter()
            assert await Keys(store, ports).check(presented) is None
            times.append(time.perf_counter() - began)
    first, second = (statistics.median(times) for times in spent.values())
    assert 0.2 < first / second < 5
