"""A hub whose clients subscribe, and a subscriber on loopback, for tests."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from standardwebhooks.webhooks import Webhook

from tests.connectors.webhook.subscriber import Subscriber
from tests.gateway.api.governed_hub import Caller, governed_root
from tests.gateway.live import Live, until, write

__all__ = ["Hooked", "hooks_root", "listening"]

PRODUCT = """\
product: %s
operations: [submit, read, list, subscribe]
contracts: {receipt: [%s]}
scopes: [message.submit, message.read, subscription.manage]
ceiling: restricted
%s
"""
CLIENT = """\
client: %s
owner: Nadia Fell
interfaces: [%s]
scopes: [message.submit, message.read, subscription.manage]
products: [%s]
webhook_hosts: [127.0.0.1]
"""
FULL = "show: full\napproval: manual\napproved: [{client: whole, by: Ada Quill, at: 2026-04-02}]"
CLIENTS = {
    "quay": ("tills", "hooks"),
    "wharf": ("tills", "hooks"),
    "elsewhere": ("", "hooks"),
    "whole": ("tills", "whole"),
    "old-hooks": ("tills", "old-hooks"),
    "no-hooks": ("tills", "wide"),
}


def hooks_root(root: Path, *, at_work: str = "^1") -> Path:
    """Write the folder: the governed hub with products and clients that may subscribe."""
    governed_root(root, at_work=at_work)
    write(root, "products/hooks.yaml", PRODUCT % ("hooks", "1, 2", "approval: auto"))
    write(root, "products/old-hooks.yaml", PRODUCT % ("old-hooks", "1", "approval: auto"))
    write(root, "products/whole.yaml", PRODUCT % ("whole", "1, 2", FULL))
    for name, (interfaces, product) in CLIENTS.items():
        write(root, f"clients/{name}.yaml", CLIENT % (name, interfaces, product))
    return root


@contextmanager
def listening(live: Live) -> Iterator[Subscriber]:
    """Run a subscriber beside the hub."""
    program = Subscriber()
    opened = program.open()
    live.run(opened.__aenter__())
    try:
        yield program
    finally:
        live.run(opened.__aexit__(None, None, None))


class Hooked:
    """A client's subscription at a subscriber of its own."""

    def __init__(self, live: Live, caller: Caller, subscriber: Subscriber) -> None:
        self.live = live
        self.caller = caller
        self.subscriber = subscriber
        self.name = ""
        self.secret = ""

    def subscribe(self, version: int = 1, **more: Any) -> httpx.Response:
        """Ask for a subscription; where there is one then, verify with its key from now on."""
        url = f"http://127.0.0.1:{self.subscriber.port}/events"
        body = {"contract": "receipt", "version": version, "url": url, **more}
        answer = self._order("/v1/subscriptions", body)
        if answer.status_code == 201:
            self.name = answer.json()["facts"]["subscription"]
            self.trust(answer.json()["secret"])
        return answer

    def trust(self, secret: str) -> None:
        """Verify with that key."""
        self.secret, self.subscriber.webhook = secret, Webhook(secret)

    def post(self, path: str, body: Any = None) -> httpx.Response:
        """Order something of the subscription."""
        return self._order(f"/v1/subscriptions/{self.name}{path}", body)

    def _order(self, path: str, body: Any) -> httpx.Response:
        kind = {"Content-Type": "application/json"}
        return self.caller.client.post(path, content=json.dumps(body or {}), headers=kind)

    @property
    def facts(self) -> dict[str, Any]:
        """The subscription as its client sees it."""
        answer = self.caller.get(f"/v1/subscriptions/{self.name}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def events(self, count: int) -> list[dict[str, Any]]:
        """Wait for so many events; return them, the oldest first."""
        until(lambda: len(self.subscriber.events) >= count)
        return [json.loads(body) for body in self.subscriber.events.values()]

    def until_state(self, state: str) -> dict[str, Any]:
        """Wait until the subscription is in that state."""
        found: dict[str, Any] = until(lambda: self.facts if self.facts["state"] == state else None)
        return found
