"""Certificates that clients show to the hub itself: what they are good for, and no way around."""

import contextlib
import datetime as dt
import hashlib
import http.client
import json
import os
import socket
import ssl
import stat
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import uvloop
from cryptography.x509.oid import ExtendedKeyUsageOID
from joserfc import jwt
from joserfc.jwk import ECKey

from tests.gateway.app.authority import Authority, Issued, client_context
from tests.gateway.app.test_listening import certificate
from tests.gateway.live import Live, advice, live_hub, make_root, until, write

SIGNS = ECKey.generate_key("P-256", {"kid": "first", "use": "sig", "alg": "ES256"})
HUB = """\
tenant: hilltop
api: {port: 0, host: 0.0.0.0, max_body_bytes: 60000000}
access:
  tls: {certificate: var/tls/hub.pem, key: var/tls/hub.key, client_authorities: var/tls/ca.pem}
  issuers: [{issuer: "https://login.example", audience: remithub, jwks_file: var/keys.json}]
"""
CLIENT = """\
client: %s
interfaces: [intake]
scopes: [health.read, message.read, message.submit]
products: [everything]
"""


class Site:
    """A hub that asks for certificates, the authority that it believes, and whoever calls."""

    def __init__(self, live: Live, authority: Authority, strict: Issued, behind: int) -> None:
        self.live = live
        self.behind = behind
        """The port that the server behind the front listens on."""
        self.authority = authority
        self.strict = strict
        self.billing = authority.issue("billing")
        self.other = authority.issue("other")
        self.port = urlsplit(live.url).port or 0
        self.keys = {name: self._key(name) for name in ("billing", "strict")}

    def _key(self, client: str) -> str:
        made: str = self.live.post(f"/v1/clients/{client}/keys").json()["key"]
        return made

    def client(self, bearer: str, shown: Issued | None = None, host: str = "") -> httpx.Client:
        return httpx.Client(
            base_url=f"https://{host or '127.0.0.1'}:{self.port}",
            headers={"Authorization": f"Bearer {bearer}"},
            verify=client_context(self.live.root / "var/tls/hub.pem", shown),
            trust_env=False,
            timeout=30,
        )

    def status(self, bearer: str, shown: Issued | None = None, host: str = "") -> int:
        with self.client(bearer, shown, host) as client:
            return client.get("/v1/interfaces").status_code


def token(bound: Issued | None = None) -> str:
    now = int(time.time())
    claims: dict[str, Any] = {
        "iss": "https://login.example",
        "aud": "remithub",
        "sub": "svc-billing",
        "client_id": "svc-billing",
        "iat": now,
        "exp": now + 300,
        "jti": os.urandom(8).hex(),
        "scope": "health.read message.read message.submit",
    }
    if bound is not None:
        claims["cnf"] = {"x5t#S256": bound.thumbprint}
    return jwt.encode({"alg": "ES256", "typ": "at+jwt", "kid": "first"}, claims, SIGNS)


def _sockets() -> Iterator[socket.socket]:
    """Every TCP socket of this process, as copies."""
    for number in (int(entry.name) for entry in Path("/proc/self/fd").iterdir()):
        with contextlib.suppress(OSError):
            if not stat.S_ISSOCK(os.fstat(number).st_mode):
                continue
            with socket.socket(fileno=os.dup(number)) as found:
                if found.family == socket.AF_INET and found.type == socket.SOCK_STREAM:
                    yield found


def _listening() -> set[int]:
    asked = (socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    return {one.getsockname()[1] for one in _sockets() if one.getsockopt(*asked)}


def _from_to(port: int) -> set[Any]:
    """The own ends of this process's connections to that port."""
    found = set()
    for one in _sockets():
        with contextlib.suppress(OSError):
            if one.getpeername()[1] == port:
                found.add(one.getsockname())
    return found


@contextlib.contextmanager
def open_site(root: Path, loop_factory: Any) -> Iterator[Site]:
    make_root(root)
    certificate(root)
    authority = Authority(root / "var/tls")
    strict = authority.issue("strict")
    write(root, "hub.yaml", HUB)
    write(root, "clients/billing.yaml", CLIENT % "billing" + "subject: svc-billing\n")
    required = f"certificate: required\nthumbprints: [{strict.thumbprint}]\n"
    write(root, "clients/strict.yaml", CLIENT % "strict" + required)
    keys = {"keys": [SIGNS.as_dict(private=False)]}
    (root / "var/keys.json").write_text(json.dumps(keys))
    others = _listening()
    with live_hub(root, loop_factory=loop_factory) as live:
        (behind,) = _listening() - others - {urlsplit(live.url).port}
        yield Site(live, authority, strict, behind)


@pytest.fixture(scope="module", params=[None, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    with open_site(tmp_path_factory.mktemp("hub"), request.param) as opened:
        yield opened


def test_a_bound_token_is_good_together_with_its_certificate_and_not_without(site: Site) -> None:
    bound = token(site.billing)
    assert site.status(bound, site.billing) == 200
    assert site.status(bound) == 401
    assert site.status(bound, site.other) == 401
    assert site.status(token()) == 200
    assert site.status(token(), site.other) == 200


def test_whoever_leaves_before_the_answer_is_not_taken_for_somebody_else(site: Site) -> None:
    def denied() -> int:
        entries = site.live.get("/v1/audit", limit=1000)["entries"]
        return sum(one["outcome"] == "denied" for one in entries)

    before, others = denied(), _from_to(site.behind)
    context = client_context(site.live.root / "var/tls/hub.pem", site.billing)
    named = f"Authorization: Bearer {token(site.billing)}"
    request = f"GET /v1/interfaces HTTP/1.1\r\nHost: hub\r\n{named}\r\n\r\n".encode()
    for _ in range(40):
        with (
            socket.create_connection(("127.0.0.1", site.port), timeout=30) as raw,
            context.wrap_socket(raw) as wrapped,
        ):
            wrapped.sendall(request)
    until(lambda: _from_to(site.behind) <= others)
    assert denied() == before


def test_a_client_that_must_show_one_is_let_in_by_its_own_only(site: Site) -> None:
    assert site.status(site.keys["strict"], site.strict) == 200
    assert site.status(site.keys["strict"], site.other) == 401
    assert site.status(site.keys["strict"]) == 401
    assert site.status(site.keys["billing"]) == 200
    assert site.status(site.keys["billing"], site.other) == 200


def test_a_certificate_that_does_not_verify_ends_the_handshake(
    site: Site, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stranger = Authority(tmp_path).issue("billing")
    expired = site.authority.issue("expired", ends_in=-dt.timedelta(minutes=1))
    for_servers = site.authority.issue("server", use=ExtendedKeyUsageOID.SERVER_AUTH)
    caplog.set_level("INFO", logger="remithub")
    for bad in (stranger, expired, for_servers):
        with pytest.raises(httpx.TransportError):
            site.status(site.keys["billing"], bad)
    until(lambda: "127.0.0.1 does not count: certificate has expired" in caplog.text)
    assert site.status(site.keys["billing"], site.billing) == 200


def test_the_header_of_a_proxy_says_nothing_here(site: Site) -> None:
    with site.client(token(site.billing), site.other) as client:
        named = {"X-Client-Cert": site.billing.thumbprint}
        assert client.get("/v1/interfaces", headers=named).status_code == 401


def test_a_connection_serves_one_request_after_another(site: Site) -> None:
    with site.client(token(site.billing), site.billing) as client:
        used = set()
        for _ in range(3):
            answer = client.get("/v1/interfaces")
            assert answer.status_code == 200
            used.add(answer.extensions["network_stream"].get_extra_info("client_addr"))
        assert len(used) == 1


def test_large_bodies_come_and_go_whole(site: Site) -> None:
    body = os.urandom(3_000_000).hex().encode()
    taken = site.live.post("/v1/interfaces/intake/files", body)
    assert taken.status_code == 202, taken.text
    path = f"/v1/artifacts/{taken.json()['artifact_id']}/content"
    answer = site.live.client.get(path, headers={"Hub-Reason": "test", "Connection": "close"})
    assert answer.status_code == 200
    assert hashlib.sha256(answer.content).digest() == hashlib.sha256(body).digest()


def test_a_body_that_is_refused_before_it_was_read_still_gets_its_answer(site: Site) -> None:
    head = b"POST /v1/interfaces/intake/files HTTP/1.1\r\nHost: hub\r\nContent-Length: 5000000\r\n\r\n"
    context = client_context(site.live.root / "var/tls/hub.pem")
    for _ in range(10):
        with (
            socket.create_connection(("127.0.0.1", site.port), timeout=30) as raw,
            context.wrap_socket(raw) as wrapped,
        ):
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                wrapped.sendall(head + bytes(5_000_000))
            assert wrapped.recv(100).startswith(b"HTTP/1.1 401")


def test_events_are_sent_on_as_they_happen(site: Site) -> None:
    path = "/v1/feeds/remittance-advice/events"
    with site.live.client.stream("GET", path) as answer:
        lines = answer.iter_lines()
        assert next(lines) == "retry: 1000"
        site.live.hand_over(advice(7))
        assert any(line.startswith("data: ") for line in lines)


def test_nobody_is_answered_behind_the_front_but_the_front(site: Site) -> None:
    behind = site.behind
    with httpx.Client(base_url=f"http://127.0.0.1:{behind}", trust_env=False) as around:
        for path in ("/v1/interfaces", "/healthz", "/auth/login", "/nowhere"):
            for bearer in (site.live.token, site.keys["billing"], ""):
                named = {"Authorization": f"Bearer {bearer}"} if bearer else {}
                answer = around.get(path, headers=named)
                assert answer.status_code == 401, path
                assert "HTTPS only" in answer.text
        assert around.post("/v1/webhooks/intake", content=b"{}").status_code == 401
    denied = site.live.get("/v1/audit")
    assert "127.0.0.1" in json.dumps(denied)


def test_nobody_else_can_have_the_address_that_stands_for_a_client(site: Site) -> None:
    bound, behind = token(site.billing), site.behind
    with site.client(bound, site.billing) as client:
        before = _from_to(behind)
        assert client.get("/v1/interfaces").status_code == 200
        (own,) = _from_to(behind) - before
        with socket.socket() as thief:
            thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with pytest.raises(OSError, match="in use"):
                thief.bind(own)
        source = ("127.0.0.2", own[1])  # the same port at another address of this machine
        with contextlib.closing(
            http.client.HTTPConnection("127.0.0.1", behind, source_address=source, timeout=30)
        ) as around:
            around.request("GET", "/v1/interfaces", headers={"Authorization": f"Bearer {bound}"})
            assert around.getresponse().status == 401
        assert client.get("/v1/interfaces").status_code == 200


def test_the_token_of_this_machine_is_good_from_this_machine_only(site: Site) -> None:
    assert site.status(site.live.token) == 200
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        try:
            asked.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            pytest.skip("this machine has no address but loopback")
        own = asked.getsockname()[0]
    assert site.status(site.live.token, host=own) == 401
    assert site.status(site.keys["billing"], host=own) == 200


def test_what_is_under_way_when_the_hub_is_told_to_stop_is_answered(tmp_path: Path) -> None:
    def waits(site: Site) -> httpx.Response:
        with site.client(site.keys["billing"], site.billing) as client:
            kind = "application/vnd.remithub.remittance-advice+json; version=1"
            path = "/v1/feeds/remittance-advice?wait=30"
            return client.get(path, headers={"Accept": kind})

    with ThreadPoolExecutor(4) as pool:
        with open_site(tmp_path, uvloop.new_event_loop) as site:
            idle = site.client(site.keys["billing"])
            assert idle.get("/v1/interfaces").status_code == 200
            waiting = [pool.submit(waits, site) for _ in range(4)]
            until(lambda: len(_from_to(site.behind)) >= 5)
            time.sleep(0.5)
        answers = [one.result() for one in waiting]
    assert {answer.status_code for answer in answers} == {200}
    assert all(answer.json()["events"] == [] for answer in answers)
    with pytest.raises(httpx.TransportError):
        idle.get("/v1/interfaces")
    idle.close()
