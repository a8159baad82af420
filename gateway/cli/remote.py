"""How verbs reach the hub: over HTTP where it runs, else straight at the store under its lock.

Both ways speak the API, so a verb is written once. A hub that is only opened delivers nothing.
"""

import asyncio
import http.client
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from gateway.errors import ConfigError, Conflict, HubError, NotFound, TryAgain, UsageFault

if TYPE_CHECKING:
    import ssl

__all__ = ["Remote", "hub_at", "running_hub"]

ADDRESS_FILE = "var/hub.address"
"""As in `gateway.app.server`, which is too heavy to load for a name."""

TIMEOUT_SECONDS = 600.0


class _Address(msgspec.Struct, frozen=True, kw_only=True):
    url: str
    pid: int
    token_file: str
    certificate: str = ""


class _Answer(msgspec.Struct, frozen=True):
    status: int
    body: bytes


class _Wire(Protocol):
    def send(self, method: str, target: str, body: bytes) -> _Answer:
        """Send one request and read its answer."""
        ...


class Remote:
    """The hub's API as a verb uses it. `running` says whether a hub is at work behind it."""

    def __init__(self, wire: _Wire, *, running: bool) -> None:
        self._wire = wire
        self.running = running

    def get(self, path: str, **query: object) -> Any:
        """Return the JSON at a path. Raises the error that the problem stands for."""
        given = {name: str(value) for name, value in query.items() if value not in (None, "")}
        target = f"{quote(path, safe='/@')}?{urlencode(given)}" if given else quote(path, "/@")
        return self._decode(self._wire.send("GET", target, b""))

    def post(self, path: str, document: Mapping[str, object]) -> Any:
        """Send JSON to a path and return the JSON of the answer."""
        body = msgspec.json.encode(document)
        return self._decode(self._wire.send("POST", quote(path, "/@"), body))

    @staticmethod
    def _decode(answer: _Answer) -> Any:
        document = msgspec.json.decode(answer.body) if answer.body else {}
        if answer.status >= http.client.BAD_REQUEST:
            raise _error(answer.status, document)
        return document


def _error(status: int, problem: Mapping[str, Any]) -> HubError:
    """Return the error of ours that a problem document stands for."""
    kinds: dict[int, type[HubError]] = {
        400: UsageFault,
        404: NotFound,
        409: Conflict,
        503: TryAgain,
        507: TryAgain,
    }
    code = str(problem.get("code", "hub_error"))
    message = str(problem.get("detail") or problem.get("title", "The hub refused."))
    next_step = str(problem.get("next_step", ""))
    if code == "config_invalid":
        return ConfigError(message, next_step=next_step)
    return kinds.get(status, HubError)(message, code=code, next_step=next_step)


class _Http:
    """A running hub, on one connection."""

    def __init__(self, address: _Address, token: str) -> None:
        parts = urlsplit(address.url)
        where = (parts.hostname or "", parts.port)
        if parts.scheme == "https":
            trust = _trust(address.certificate)
            self._connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                *where, timeout=TIMEOUT_SECONDS, context=trust
            )
        else:
            self._connection = http.client.HTTPConnection(*where, timeout=TIMEOUT_SECONDS)
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def answers(self) -> bool:
        """Return whether a hub listens there; the port may be another program's by now, which
        is not shown the token."""
        try:
            self._connection.request("GET", "/healthz")
            return self._connection.getresponse().read() == b'{"status":"ok"}'
        except (OSError, http.client.HTTPException):
            return False

    def send(self, method: str, target: str, body: bytes) -> _Answer:
        """Send one request and read its answer. Raises TryAgain where the hub went away."""
        try:
            self._connection.request(method, target, body=body or None, headers=self._headers)
            answer = self._connection.getresponse()
            return _Answer(answer.status, answer.read())
        except (OSError, http.client.HTTPException):
            raise TryAgain("The hub went away.", code="hub_unreachable") from None

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _trust(certificate: str) -> "ssl.SSLContext":
    """Trust the hub's own certificate and no other: it is named for partners, not for loopback."""
    import ssl

    context = ssl.create_default_context(cafile=certificate)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


class _InProcess:
    """An opened hub that does not run: the same API, called without a socket."""

    def __init__(self, runner: asyncio.Runner, app: Any, token: str) -> None:
        self._runner = runner
        self._app = app
        self._headers = [
            (b"authorization", b"Bearer " + token.encode()),
            (b"content-type", b"application/json"),
        ]

    def send(self, method: str, target: str, body: bytes) -> _Answer:
        """Call the application once."""
        return self._runner.run(self._call(method, target, body))

    async def _call(self, method: str, target: str, body: bytes) -> _Answer:
        path, _, query = target.partition("?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [*self._headers, (b"content-length", str(len(body)).encode())],
            "client": ("127.0.0.1", 0),
            "server": ("127.0.0.1", 0),
            "state": {},
        }
        got: dict[str, Any] = {"status": 500, "body": b""}

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Mapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                got["status"] = message["status"]
            else:
                got["body"] += message.get("body", b"")

        await self._app(scope, receive, send)
        return _Answer(got["status"], got["body"])


@contextmanager
def running_hub(root: Path) -> Iterator[Remote | None]:
    """Give the hub that runs on that root folder, None where none does."""
    wire = _reach(root)
    if wire is None:
        yield None
        return
    try:
        yield Remote(wire, running=True)
    finally:
        wire.close()


def _reach(root: Path) -> _Http | None:
    from gateway.api.token import read_token

    try:
        address = msgspec.json.decode((root / ADDRESS_FILE).read_bytes(), type=_Address)
    except (OSError, msgspec.MsgspecError):
        return None
    wire = _Http(address, read_token(root / address.token_file))
    return wire if wire.answers() else None


@contextmanager
def hub_at(root: Path, *, must_run: bool = False) -> Iterator[Remote]:
    """Give the hub of that root folder, running or opened for this one verb.

    Raises TryAgain (`hub_not_running`, exit code 7) where it must run and does not, NotFound where
    no hub has run here yet, StorageFault (`store_locked`) where another process has the store.
    """
    with running_hub(root) as running:
        if running is not None:
            yield running
            return
    if must_run:
        raise TryAgain(
            "No hub runs on this folder.",
            code="hub_not_running",
            next_step=f"start it with `remithub run --root {root}`.",
        )
    with asyncio.Runner() as runner:
        hub, app, token = runner.run(_open(root))
        try:
            yield Remote(_InProcess(runner, app, token), running=False)
        finally:
            runner.run(_close(app, hub))


async def _close(app: Any, hub: Any) -> None:
    await app.close()
    await hub.close()


async def _open(root: Path) -> tuple[Any, Any, str]:
    import os

    from gateway.api import application
    from gateway.app import Hub
    from gateway.app.services import HubServices
    from gateway.settings import read_config

    there = read_config(root / "config", os.environ).hub.store
    if not there.postgres and not (root / there.path).exists():
        raise NotFound(
            "No hub has run on this folder yet.",
            code="database_missing",
            next_step=f"start it with `remithub run --root {root}`.",
        )
    hub = await Hub.open(root)
    try:
        await hub.subscribing.begin(root)
        await hub.lanes.ensure(hub.bundles.current.lanes())
        token = hub.ports.ids.new("tok")
        return hub, application(HubServices(hub), token, root=root), token
    except BaseException:
        await hub.close()
        raise
