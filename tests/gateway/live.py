"""A hub that listens, in a thread of its own, over a root folder made for the test."""

import asyncio
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from gateway.access import Right
from gateway.app.server import Listening, serving

EXAMPLES = Path(__file__).resolve().parents[2] / "contracts"

FILES = {
    "hub.yaml": "tenant: hilltop\napi: {port: 0, max_body_bytes: 60000000}\n",
    "routes.yaml": "routes: [{name: all, contract: remittance-advice, to: drop}]\n",
    "interfaces/intake.yaml": """\
interface: intake
title: Advices as JSON
direction: in
format: json
contract: remittance-advice@^1.0
""",
    "interfaces/claims.yaml": """\
interface: claims
direction: in
format: x12-835
mapping: x12-835-to-remittance-advice
""",
    "interfaces/acks-a.yaml": """\
interface: acks-a
direction: in
format: json
contract: acknowledgement@^1.0
max_bytes: 20000
""",
    "interfaces/acks-b.yaml": """\
interface: acks-b
direction: in
format: json
contract: acknowledgement@^1.0
connector: folder
settings: {path: %(root)s/inbox, settle_seconds: 0}
poll_seconds: 3600
""",
    "interfaces/drop.yaml": """\
interface: drop
direction: out
connector: folder
accepts: remittance-advice@^1.0
settings: {path: %(root)s/out}
retry: {schedule_seconds: [0, 0.01], breaker_failures: 1000, jitter: 0}
""",
}
FILES["products/everything.yaml"] = f"""\
product: everything
operations: [submit, submit-file, read, list, follow, subscribe, status, operate]
contracts: {{remittance-advice: [1], acknowledgement: [1]}}
scopes: [{", ".join(right.value for right in Right)}]
approval: auto
ceiling: restricted
"""
"""A product for tests in which products do not matter."""

SECRET_NAMES = ("MARIGOLD", "TESSERACT")
"""Invented names that stand in documents of the tests and must never be in an answer."""


def write(root: Path, name: str, text: str) -> None:
    path = root / "config" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def make_root(root: Path) -> Path:
    for name, text in FILES.items():
        write(root, name, text.replace("%(root)s", str(root)))
    for folder in ("out", "inbox"):
        (root / folder).mkdir()
    return root


def advice(number: int, **more: Any) -> dict[str, Any]:
    """An advice of $6,490.00 with a payment key and an id of its own."""
    file = EXAMPLES / "remittance-advice/1.0.0/examples/valid/full.json"
    document = json.loads(file.read_text())
    document["payment_key"] = f"{number:064x}"
    document["remittance_id"] = f"rem_{number:032x}"
    return {**document, **more}


def acknowledgement() -> dict[str, Any]:
    file = EXAMPLES / "acknowledgement/1.0.0/examples/valid/file_taken.json"
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def _trusting(certificate: str) -> ssl.SSLContext | bool:
    """Trust a hub that serves HTTPS by its own certificate, whatever it is called here."""
    if not certificate:
        return True
    context = ssl.create_default_context(cafile=certificate)
    context.check_hostname = False
    return context


class Live:
    """The hub, its folder, and a client that knows the token."""

    def __init__(self, root: Path, listening: Listening, loop: asyncio.AbstractEventLoop) -> None:
        self.root = root
        self.hub = listening.hub
        self.url = listening.address.url
        self.token = listening.token
        self.loop = loop
        self.client = httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {self.token}"},
            verify=_trusting(listening.address.certificate),
            trust_env=False,
            timeout=30,
        )

    def post(self, path: str, body: Any = None, **headers: str) -> httpx.Response:
        raw = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.post(
            path, content=raw, headers={"Content-Type": "application/json", **named}
        )

    def get(self, path: str, **query: Any) -> Any:
        answer = self.client.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def hand_over(self, document: Any, interface: str = "intake") -> str:
        answer = self.post(f"/v1/interfaces/{interface}/files", document)
        assert answer.status_code == 202, answer.text
        name: str = answer.json()["artifact_id"]
        return name

    def settled(self, artifact: str) -> dict[str, Any]:
        """Wait until an artifact is processed; return it as it is shown."""

        def shown() -> dict[str, Any] | None:
            found = self.get(f"/v1/artifacts/{artifact}")
            return found if found["processing"]["state"] != "owed" else None

        return until(shown)

    def run(self, coroutine: Any) -> Any:
        """Run something on the hub's own loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(30)


def until(look: Callable[[], Any], seconds: float = 10) -> Any:
    """Look until there is something, and return it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError("it did not happen in time")


@contextmanager
def live_hub(
    root: Path,
    environment: dict[str, str] | None = None,
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
) -> Iterator[Live]:
    """Run a hub with its API on that root folder."""
    ready = threading.Event()
    made: dict[str, Any] = {}

    async def main() -> None:
        stop = asyncio.Event()
        async with serving(root, environment=environment or {}) as listening:
            loop = asyncio.get_running_loop()
            made.update(live=Live(root, listening, loop), stop=stop, loop=loop)
            ready.set()
            await stop.wait()

    def body() -> None:
        try:
            with asyncio.Runner(loop_factory=loop_factory) as runner:
                runner.run(main())
        except BaseException as error:
            made["error"] = error
        finally:
            ready.set()

    thread = threading.Thread(target=body)
    thread.start()
    ready.wait(30)
    if "live" not in made:
        thread.join()
        raise made["error"]
    try:
        yield made["live"]
    finally:
        made["live"].client.close()
        made["loop"].call_soon_threadsafe(made["stop"].set)
        thread.join(40)
    if "error" in made:
        raise made["error"]
