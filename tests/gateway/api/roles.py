"""A hub with a caller of every role, and one of everything at each of three interfaces."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import msgspec

from gateway.access import COOKIE, Duty, Right, Sessions
from gateway.api.rules import Kind
from tests.gateway.live import Live, advice, live_hub, make_root, until, write

__all__ = ["INTERFACES", "World", "bearer", "key_of", "session", "world_at"]

HOOK = """\
interface: %s
direction: out
connector: webhook
accepts: remittance-advice@^1.0
subscriber: %s
settings: {url: "http://127.0.0.1:9/", network: internal, secrets: ["${secret:hook}"]}
"""
ALL_RIGHTS = ", ".join(right.value for right in Right)
MORE = {
    "interfaces/other.yaml": "interface: other\ndirection: in\nformat: json\n"
    "contract: remittance-advice@^1.0\n",
    "interfaces/trial.yaml": "interface: trial\ndirection: in\nformat: json\n"
    "contract: remittance-advice@^1.0\nproduction: false\n",
    "clients/own-system.yaml": f"client: own-system\ninterfaces: [intake]\nscopes: [{ALL_RIGHTS}]\n"
    "products: [everything]\n",
    "clients/stranger.yaml": "client: stranger\ninterfaces: [other]\n"
    "scopes: [health.read, message.read]\nproducts: [everything]\n",
    "interfaces/own-hook.yaml": HOOK % ("own-hook", "own-system"),
    "interfaces/foreign-hook.yaml": HOOK % ("foreign-hook", "stranger"),
}
INTERFACES = {"own": "intake", "foreign": "other", "test": "trial"}
PERSONS = [duty for duty in Duty if duty not in {Duty.SYSTEM, Duty.LOCAL}]


class World(msgspec.Struct):
    """A hub with one of everything at each of the three interfaces, and a client of every role."""

    live: Live
    clients: dict[Duty, httpx.Client]
    objects: dict[tuple[Kind, str], str]


@contextmanager
def world_at(root: Path) -> Iterator[World]:
    """Run that hub in a new folder."""
    make_root(root)
    for name, text in MORE.items():
        write(root, name, text)
    with live_hub(root, {"REMITHUB_SECRET_HOOK": "whsec_" + "QUFB" * 8}) as live:
        made = World(live, {Duty.LOCAL: live.client}, {})
        made.clients[Duty.SYSTEM] = bearer(live, key_of(live, "own-system"))
        for duty in PERSONS:
            made.clients[duty] = session(live, duty)
        for at, (which, interface) in enumerate(INTERFACES.items()):
            fill(made, which, interface, at)
        yield made
        for client in made.clients.values():
            client.close()


def key_of(live: Live, client: str) -> str:
    answer = live.post(f"/v1/clients/{client}/keys")
    assert answer.status_code == 201, answer.text
    key: str = answer.json()["key"]
    return key


def bearer(live: Live, token: str) -> httpx.Client:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.Client(base_url=live.url, headers=headers, trust_env=False, timeout=30)


def session(live: Live, duty: Duty) -> httpx.Client:
    sessions = Sessions(live.hub.store, live.hub.ports, lambda: "hilltop")
    begun = live.run(sessions.begin(f"sub-of-{duty}", [duty]))
    headers = {"Cookie": f"{COOKIE}={begun.session}", "X-CSRF-Token": begun.csrf}
    return httpx.Client(base_url=live.url, headers=headers, trust_env=False, timeout=30)


def fill(world: World, which: str, interface: str, at: int) -> None:
    """Put an artifact, its message and a dead part at an interface."""
    live, objects = world.live, world.objects
    good = live.hand_over(advice(500 + at), interface)
    processing = live.settled(good)["processing"]["delivery_id"]
    bad = live.hand_over(b"{}%d" % at, interface)
    live.settled(bad)
    (aside,) = until(
        lambda: live.get("/v1/set-aside", interface=interface, state="dead")["set_aside"]
    )
    (message,) = live.get("/v1/messages", artifact=good)["messages"]
    client = {"own": "own-system"}.get(which, "stranger")
    key = key_of(live, client) if which != "test" else objects[Kind.KEY, "foreign"] + ".0"
    objects |= {
        (Kind.INTERFACE, which): interface,
        (Kind.CONTRACT, which): interface,
        (Kind.ARTIFACT, which): good,
        (Kind.DELIVERY, which): processing,
        (Kind.MESSAGE, which): message["message_id"],
        (Kind.ASIDE, which): aside["id"],
        (Kind.ORDER, which): "ord_none",
        (Kind.CLIENT, which): client,
        (Kind.KEY, which): key.partition(".")[0],
        (Kind.SESSION, which): "ses_none",
        (Kind.PROPOSAL, which): "prp_none",
        (Kind.SUBSCRIPTION, which): "own-hook" if which == "own" else "foreign-hook",
    }
