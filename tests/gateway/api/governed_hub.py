"""A hub with a contract in two majors, products and clients, for tests of the governed surface."""

import json
from pathlib import Path
from typing import Any

import httpx

from tests.gateway.governance.sites import HEADER, receipt, receipt_site
from tests.gateway.live import Live, make_root, write

__all__ = ["V1", "V2", "Caller", "Callers", "governed_root", "receipt_of"]

V1 = "application/vnd.remithub.receipt+json; version=1"
V2 = "application/vnd.remithub.receipt+json; version=2"

INTERFACE = """\
interface: tills
direction: in
format: json
contract: receipt@%s
"""
PRODUCT = """\
product: %s
operations: [submit, read, list, follow]
contracts: {receipt: [1, 2]}
scopes: [message.submit, message.read]
approval: auto
ceiling: restricted
"""
CLIENT = """\
client: %s
interfaces: [tills]
scopes: [message.submit, message.read, health.read, catalogue.read]
products: [%s]
"""
PRODUCTS = {
    "wide": "",
    "old-only": "contracts: {receipt: [1]}",
    "strict": "idempotency_key: required",
    "few": "quota: {requests: {limit: 5, per_seconds: 86400}}",
    "small": "quota: {bytes: {limit: 400, per_seconds: 86400}}",
    "narrow": "quota: {parallel: 1}",
    "low": "ceiling: internal",
    "empty": "operations: []",
    "open": "show: full",
    "lenient": "unknown_fields: strip",
    "by-hand": "approval: manual",
}


def governed_root(root: Path, *, at_work: str = "^1") -> Path:
    """Write the folder; the interface takes `at_work`. Every product has a client of its name."""
    make_root(root)
    receipt_site(root)
    lines = HEADER + '  "2.0.0":\n    status: active\n    author: anna\n    approved_by: ben\n'
    (root / "contracts/receipt/contract.yaml").write_text(lines)
    write(root, "interfaces/tills.yaml", INTERFACE % at_work)
    for name, more in PRODUCTS.items():
        key = more.partition(":")[0]
        kept = [line for line in (PRODUCT % name).splitlines() if not key or key not in line]
        if name == "open":
            kept = [line for line in kept if "approval" not in line]
            kept.append("approved: [{client: open, by: Ada Quill, at: 2026-04-02}]")
        write(root, f"products/{name}.yaml", "\n".join([*kept, more]) + "\n")
        write(root, f"clients/{name}.yaml", CLIENT % (name, name))
    write(root, "clients/nothing.yaml", CLIENT % ("nothing", ""))
    return root


def receipt_of(number: int, major: int = 1) -> dict[str, Any]:
    """A receipt with an id of its own."""
    found = receipt() | {"id": f"r-{number}"}
    if major == 1:
        return found
    del found["amount"]
    return found | {"total": "12.50", "payer": {"kind": "P", "name": "Wren Tallow"}}


class Caller:
    """A client of a live hub with a key of its own."""

    def __init__(self, live: Live, name: str) -> None:
        made = live.post(f"/v1/clients/{name}/keys")
        assert made.status_code == 201, made.text
        self.live = live
        self.client = httpx.Client(
            base_url=live.url,
            headers={"Authorization": f"Bearer {made.json()['key']}"},
            trust_env=False,
            timeout=30,
        )

    def close(self) -> None:
        """Hang up."""
        self.client.close()

    def send(self, document: Any, kind: str = V1, **headers: str) -> httpx.Response:
        """Hand over a receipt."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        raw = document if isinstance(document, bytes) else json.dumps(document).encode()
        path = "/v1/messages/receipt"
        return self.client.post(path, content=raw, headers={"Content-Type": kind, **named})

    def get(self, path: str, accept: str = "*/*", **headers: str) -> httpx.Response:
        """Read something."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.get(path, headers={"Accept": accept, **named})

    def stored(self, document: Any, kind: str = V1) -> str:
        """Hand over a receipt, and return the id of the message it becomes."""
        answer = self.send(document, kind)
        assert answer.status_code == 202, answer.text
        part = self.live.settled(answer.json()["artifact_id"])["parts"][0]
        found: str = part["message_id"]
        return found


class Callers:
    """The clients of a live hub, each with one key."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._known: dict[str, Caller] = {}

    def __call__(self, name: str) -> Caller:
        """Return a client."""
        if name not in self._known:
            self._known[name] = Caller(self._live, name)
        return self._known[name]

    def close(self) -> None:
        """Hang up."""
        for one in self._known.values():
            one.close()
