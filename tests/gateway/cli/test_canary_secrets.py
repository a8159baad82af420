"""F-CFG: fifty planted secrets, and not one of them in anything that the hub says or writes."""

import base64
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

import pytest

from gateway.cli import main
from gateway.errors import ConfigError
from tests.gateway.live import Live, advice, live_hub, make_root, write


class Planted:
    """Gives out secrets, each once, and finds them again however written."""

    def __init__(self) -> None:
        self.cores: dict[str, str] = {}

    def _core(self, name: str) -> str:
        self.cores[name] = f"ZQCANA{len(self.cores):02d}RYZQ"
        return self.cores[name]

    def make(self, name: str) -> str:
        """Return a secret that has to be encoded wherever it goes."""
        return f"{self._core(name)}/+ k9"

    def key(self, name: str) -> str:
        """Return a key that signs webhooks."""
        raw = self._core(name).encode().ljust(32, b"k")
        return "whsec_" + base64.b64encode(raw).decode()

    def found_in(self, said: str) -> list[str]:
        """Return the names of the secrets that are told, plain or encoded."""
        return [
            name for name, core in self.cores.items() if any(one in said for one in forms(core))
        ]


def forms(core: str) -> tuple[str, ...]:
    """Return how a secret looks in clear, in hexadecimal and, at any place of it, in base64."""
    raw = core.encode()
    coded = (base64.b64encode(b"x" * at + raw).decode()[4:-4] for at in range(3))
    return (core, raw.hex(), *coded)


class Echo(BaseHTTPRequestHandler):
    """A partner that refuses everything, and repeats what it was told: headers, path, body."""

    statuses = (401, 500, 422, 302, 429, 200)
    heard: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        size = int(self.headers.get("Content-Length", "0"))
        told = f"{self.path}\n{self.headers}\n".encode() + self.rfile.read(size)
        self.heard.append(told.decode("latin-1"))
        status = self.statuses[sum(self.path.encode()) % len(self.statuses)]
        self.send_response(status, "Bad " + quote(str(self.headers.get("Authorization", ""))))
        self.send_header("Content-Type", "application/json")
        self.send_header("Location", quote(self.path))
        body = (
            b'{"error": "' + base64.b64encode(told) + b'", "plain": "' + told[:200].hex().encode()
        )
        body += b'"}' if status != 200 else b""
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST  # noqa: N815  the library's name

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def echo() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


WAYS = {
    "bearer": 'auth: {{type: bearer, token: "${{secret:{0}}}"}}',
    "basic": 'auth: {{type: basic, username: hub, password: "${{secret:{0}}}"}}',
    "apikey": 'auth: {{type: api_key, value: "${{secret:{0}}}"}}',
    "header": 'headers: {{X-Shared: "${{secret:{0}}}"}}',
    "query": 'deliver: {{steps: [{{id: a, request: {{path: /a, query: {{k: "${{secret:{0}}}"}}}}}}]}}',
    "body": 'deliver: {{steps: [{{id: a, request: {{path: /a, body: {{k: "${{secret:{0}}}"}}}}}}]}}',
    "oauth": "auth: {{type: oauth2_client_credentials, token_url: {1}/{0}, client_id: hub,"
    ' client_secret: "${{secret:{0}}}"}}',
}
LITERAL = "ZQCANARYLITERAL99"
OUT = "accepts: remittance-advice@^1.0\n"
HUB = """\
tenant: hilltop
api: {{port: 0}}
store: {{password_secret: store-password}}
access:
  people: {{issuer: "{0}", network: internal, client_id: hub, client_secret: client-secret,
           public_url: "https://hub.example"}}
  break_glass: {{user: warden, secret: warden,
                page: {{url: "{0}/pager", network: internal, secrets: ["${{secret:pager}}"]}}}}
"""
HOST_KEY = base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes(32)).decode()
SFTP = (
    "settings:\n  host: 127.0.0.1\n  port: 1\n  user: hub\n  path: out\n"
    f'  host_keys: ["ssh-ed25519 {HOST_KEY}"]\n'
)
SOON = (
    "deadline_seconds: 3\nretry: {schedule_seconds: [0, 0.01], breaker_failures: 99, jitter: 0}\n"
)


class Site:
    """The configuration of a hub that knows 50 secrets."""

    def __init__(self, root: Path, partner: str) -> None:
        self.root = root
        self.partner = partner
        self.planted = Planted()
        self.environment: dict[str, str] = {}
        self.interfaces: list[str] = []
        (root / "var/secrets").mkdir(parents=True, mode=0o700)

    def plant(self, name: str, value: str) -> None:
        """Put a secret where the hub finds it: a file, or a variable."""
        if len(self.planted.cores) % 3:
            (self.root / "var/secrets" / name).write_text(value)
        else:
            self.environment["REMITHUB_SECRET_" + name.upper().replace("-", "_")] = value

    def sink(self, name: str, kind: str, settings: str) -> None:
        """Write a system out with a secret of its own."""
        made = self.planted.key(name) if kind == "webhook" else self.planted.make(name)
        self.plant(name, made)
        text = f"interface: {name}\ndirection: out\nconnector: {kind}\n{OUT}{settings}{SOON}"
        write(self.root, f"interfaces/{name}.yaml", text)
        self.interfaces.append(name)

    def sinks(self) -> None:
        """Write every kind of system out."""
        for at in range(4):
            for way, text in WAYS.items():
                name = f"{way}-{at}"
                settings = text.format(name, self.partner)
                url = f"{self.partner}/{name}"
                self.sink(name, "http_api", f"settings:\n  base_url: {url}\n  {settings}\n")
            name = f"hook-{at}"
            where = f"settings:\n  url: {self.partner}/{name}\n  network: internal\n"
            self.sink(name, "webhook", where + f'  secrets: ["${{secret:{name}}}"]\n')
            name = f"sftp-{at}"
            self.sink(name, "sftp", SFTP + f'  password: "${{secret:{name}}}"\n')

    def rest(self) -> None:
        """Write routes to all of them, what the hub itself knows, and what is only there."""
        routes = "".join(
            f"- {{name: to-{name}, contract: remittance-advice, to: {name}}}\n"
            for name in self.interfaces
        )
        write(self.root, "routes.yaml", f"routes:\n{routes}")
        write(self.root, "hub.yaml", HUB.format(self.partner))
        names = ("client-secret", "warden", "store-password", *(f"spare-{at}" for at in range(7)))
        for name in names:
            self.plant(name, self.planted.make(name))
        self.plant("pager", self.planted.key("pager"))
        for name in ("AWS_SECRET_ACCESS_KEY", "PGPASSWORD", "HUB_TOKEN", "REMITHUB_SECRET_UNUSED"):
            self.environment[name] = self.planted.make(name)


VERBS = (
    "check", "doctor --prod", "inventory", "inventory --json",
    "inventory --diagram", "status", "status --json", "dlq list", "dlq list --json", "message list",
    "audit list", "audit list --json", "audit verify", "contract list", "contract uses remittance-advice",
    "client list", "subscription list", "reload",
)  # fmt: skip
EXPORTS = ("contract export --format openapi", "contract export --format asyncapi",
           "contract export --format odcs", "contract catalogue")  # fmt: skip
PAGES = (
    "/metrics", "/healthz", "/readyz", "/schema/openapi.json", "/v1/interfaces", "/v1/deliveries",
    "/v1/messages", "/v1/artifacts", "/v1/set-aside", "/v1/audit", "/v1/keys", "/v1/clients",
    "/v1/products", "/v1/contracts", "/v1/subscriptions", "/v1/proposals", "/auth/login?to=/",
    "/v1/interfaces/bearer-0", "/v1/interfaces/none", "/v1/status", "/v1/config", "/v1/nothing",
)  # fmt: skip


def delivered(live: Live, wanted: int) -> None:
    """Wait until every partner has been tried."""
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline:
        counters = [one["counters"] for one in live.get("/v1/interfaces")]
        tried = sum(any(key.startswith("attempts_") for key in one) for one in counters)
        if tried >= wanted:
            return
        time.sleep(0.1)
    raise AssertionError(f"{tried} of {wanted} partners were tried")


def test_not_one_of_fifty_secrets_is_told_by_anything(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: dict[str, str] = {}
    caplog.set_level(logging.DEBUG)
    with echo() as partner:
        site = Site(make_root(tmp_path / "root"), partner)
        site.sinks()
        site.rest()
        root, planted = site.root, site.planted
        assert len(planted.cores) >= 50
        for name, value in site.environment.items():
            monkeypatch.setenv(name, value)
        with live_hub(root, site.environment) as live:
            live.hand_over(advice(1))
            delivered(live, len(site.interfaces))
            for page in PAGES:
                answer = live.client.get(page)
                said[page] = f"{answer.headers}\n{answer.text}"
            for verb in VERBS:
                main([*verb.split(), "--root", str(root)])
                said[verb] = "\n".join(capsys.readouterr())
    for at, export in enumerate(EXPORTS):
        out = tmp_path / f"export-{at}"
        main([*export.split(), "--out", str(out)])
        files = [file for file in out.rglob("*") if file.is_file()]
        said[export] = "\n".join((*capsys.readouterr(), *(file.read_text() for file in files)))
    said["log"] = caplog.text
    for file in (root / "var").iterdir():
        if file.is_file():
            said[file.name] = file.read_bytes().decode("latin-1")
    assert {"hub.db", "hub.key", "api.token"} <= set(said)
    told = {name: found for name, text in said.items() if (found := planted.found_in(text))}
    assert told == {}
    sent = {name.partition("-")[0] for name in planted.found_in("\n".join(Echo.heard))}
    assert sent == set(WAYS)  # else nothing was to be told
    assert "bearer-0" in said["/v1/interfaces"]
    assert len(said["log"]) > 1_000


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("sftp", SFTP + '  private_key: "${secret:odd}"\n'),
        ("webhook", 'settings:\n  url: https://a.example/\n  secrets: ["${secret:odd}"]\n'),
        ("http_api", 'settings: {base_url: "${secret:odd}"}\n'),
        ("sftp", SFTP + f"  password: {LITERAL}\n"),
        ("webhook", f"settings:\n  url: https://a.example/\n  secrets: [whsec_{LITERAL}]\n"),
        ("webhook", f"settings:\n  url: https://hub:{LITERAL}@a.example/\n  secrets: []\n"),
        ("http_api", f"settings: {{base_url: 'https://a.example', auth: {{type: bearer, token: {LITERAL}}}}}\n"),
        ("http_api", f"settings: {{base_url: 'https://a.example/?k={LITERAL}'}}\n"),
        ("http_api", f"settings: {{base_url: 'https://a.example', connections: {LITERAL}}}\n"),
    ],
)  # fmt: skip
def test_a_secret_that_cannot_be_used_or_stands_where_none_may_is_not_repeated(
    kind: str,
    settings: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    root = make_root(tmp_path / "root")
    text = f"interface: out\ndirection: out\nconnector: {kind}\n{OUT}{settings}"
    write(root, "interfaces/out.yaml", text)
    (root / "var/secrets").mkdir(parents=True, mode=0o700)
    (root / "var/secrets/odd").write_text(LITERAL)
    main(["check", "--root", str(root)])
    said = "\n".join(capsys.readouterr())
    try:
        with live_hub(root) as live:
            said += live.client.get("/v1/interfaces").text
    except ConfigError as refused:
        said += f"{refused!r} {refused}"
    assert "out" in said
    assert LITERAL not in said + caplog.text
