"""Security headers: on every route, allowed, refused, not there; HSTS only where TLS is ended."""

from collections.abc import Iterator

import httpx
import pytest

from gateway.api.headers import with_security
from gateway.api.rules import RULES
from gateway.settings import AccessSettings, TlsSettings
from tests.gateway.live import Live, advice

NOT_THERE = [("GET", "/nowhere"), ("PUT", "/v1/messages"), ("GET", "/auth/nowhere")]
ROUTES = sorted([*RULES, *NOT_THERE])
UNSAFE = sorted(path for method, path in RULES if method == "POST")


def answers(live: Live, method: str, path: str) -> Iterator[httpx.Response]:
    """Ask a route as nobody, and as whoever may do all, with and without a body."""
    target = path.replace("{contract}", "remittance-advice").replace("{", "").replace("}", "")
    kind = {"Content-Type": "application/json"}
    bodies: tuple[bytes | None, ...] = (None,) if method == "GET" else (b"", b"{}")
    with httpx.Client(base_url=live.url, headers=kind, trust_env=False, timeout=30) as nobody:
        yield nobody.request(method, target, content=bodies[0])
    for body in bodies:
        with live.client.stream(method, target, content=body, headers=kind) as answer:
            yield answer  # unread: one of them never ends


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_every_answer_of_a_route_is_shown_and_kept_nowhere_else(
    live: Live, method: str, path: str
) -> None:
    for answer in answers(live, method, path):
        said = answer.headers
        policy = {part.split()[0]: part for part in said["content-security-policy"].split("; ")}
        for directive in ("default-src", "object-src", "base-uri", "frame-ancestors"):
            assert policy[directive] == f"{directive} 'none'"
        assert said["x-content-type-options"] == "nosniff"
        assert said["referrer-policy"] == "no-referrer"
        assert said["cache-control"] == "no-store"
        assert said["cross-origin-resource-policy"] == "same-origin"
        assert "access-control-allow-origin" not in said
        assert "strict-transport-security" not in said
        for name in ("content-security-policy", "cache-control", "x-content-type-options"):
            assert len(said.get_list(name)) == 1
        kind = said.get("content-type", "")
        assert kind or said.get("content-length", "0") == "0"
        assert not kind.startswith("text/") or "charset=utf-8" in kind


def test_bytes_of_others_are_downloaded_and_not_shown(live: Live) -> None:
    artifact = live.hand_over(advice(41))
    answer = live.client.get(f"/v1/artifacts/{artifact}/content")
    assert answer.headers["content-disposition"] == f'attachment; filename="{artifact}.bin"'
    assert answer.headers["content-type"] == "application/octet-stream"
    assert "sandbox" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("method", ["TRACE", "TRACK", "CONNECT", "DEBUG"])
def test_a_request_is_never_sent_back(live: Live, method: str) -> None:
    for path in ("/healthz", "/v1/interfaces"):
        headers = {"Authorization": f"Bearer {live.token}", "X-Secret": "do-not-echo-me"}
        try:
            answer = httpx.request(method, live.url + path, headers=headers, trust_env=False)
        except httpx.RemoteProtocolError:
            continue  # the server would not even read it
        assert answer.status_code in (400, 404, 405)
        assert "do-not-echo-me" not in answer.text


@pytest.mark.parametrize("path", UNSAFE)
def test_nothing_is_changed_by_a_safe_method(live: Live, path: str) -> None:
    if ("GET", path) in RULES:
        pytest.skip("the same address has a list")
    for method in ("GET", "HEAD"):
        answer = live.client.request(method, path.replace("{", "").replace("}", ""))
        assert answer.status_code in (404, 405), answer.text


@pytest.mark.parametrize(
    ("access", "sent"),
    [
        (AccessSettings(), False),
        (AccessSettings(proxies=("10.0.0.0/8",)), True),
        (AccessSettings(tls=TlsSettings(certificate="c", key="k")), True),
    ],
)
def test_https_is_asked_for_from_then_on_where_tls_is_ended(
    access: AccessSettings, sent: bool
) -> None:
    said = dict(with_security([], access))
    assert (said.get(b"strict-transport-security") is not None) is sent
    if sent:
        assert said[b"strict-transport-security"] == b"max-age=31536000; includeSubDomains"


def test_a_route_may_have_a_policy_of_its_own() -> None:
    said = with_security([(b"Content-Security-Policy", b"default-src 'self'")], AccessSettings())
    policies = [value for name, value in said if name.lower() == b"content-security-policy"]
    assert policies == [b"default-src 'self'"]
