"""F-SSRF: nothing leaves for an address of ours, however spelled: keys, discovery, all endpoints."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from connectors.ssrf import Network
from gateway.access import AccessTokens, Fetcher
from gateway.access.provider import Provider
from gateway.errors import TryAgain
from gateway.ports import SystemClock
from gateway.settings import (
    AccessSettings,
    Config,
    HubSettings,
    IssuerSettings,
    PeopleSettings,
    RoutesFile,
)
from tests.connectors.test_ssrf import AROUND, LOOPBACK, OTHERS, answering, audited, connects
from tests.gateway.access.test_tokens import CLAIMS, by_hand

__all__ = ["audited", "connects"]

PLACES = (*(f"https://{host}:{{port}}/x" for host in (*LOOPBACK, *OTHERS)), *AROUND)


class Listener:
    """Answers every request alike, and counts connections."""

    def __init__(self) -> None:
        self.port = self.connections = 0
        self.answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(self.answer.encode())
        writer.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    made = Listener()
    async with await asyncio.start_server(made, "127.0.0.1", 0) as server:
        made.port = server.sockets[0].getsockname()[1]
        yield made


@pytest.fixture
async def fetcher() -> AsyncIterator[Fetcher]:
    made = Fetcher()
    yield made
    await made.close()


def provider(fetcher: Fetcher, issuer: str, network: Network = Network.PUBLIC) -> Provider:
    settings = PeopleSettings(
        issuer=issuer, network=network, client_id="hub", public_url="https://hub.example"
    )
    return Provider(settings, fetcher=fetcher, secret=str, clock=SystemClock())


async def keys(fetcher: Fetcher, url: str) -> object:
    issuer = IssuerSettings(issuer="https://login.example/realm", audience="hub", jwks_url=url)
    hub = HubSettings(access=AccessSettings(issuers=(issuer,)))
    config = Config(hub=hub, interfaces={}, routes=RoutesFile(), files={})
    tokens = AccessTokens(
        config=lambda: config, root=Path(), fetch=fetcher.get, clock=SystemClock()
    )
    return await tokens.actor(by_hand({"alg": "RS256", "typ": "at+jwt", "kid": "r1"}, CLAIMS), "")


ROADS: dict[str, Callable[[Fetcher, str], Awaitable[object]]] = {
    "keys": keys,
    "discovery": lambda fetcher, url: provider(fetcher, url).discovered(),
    "token endpoint": lambda fetcher, url: fetcher.ask("POST", url, Network.PUBLIC, body=b"x=1"),
}


@pytest.mark.parametrize("road", ROADS)
async def test_no_spelling_of_an_address_of_ours_is_connected_to(
    road: str, fetcher: Fetcher, listener: Listener, connects: list[str]
) -> None:
    assert len(PLACES) >= 60
    for place in PLACES:
        with pytest.raises(TryAgain) as refused:
            await ROADS[road](fetcher, place.format(port=listener.port))
        assert refused.value.code == "issuer_unreachable"
        assert connects == [], place
    assert listener.connections == 0


@pytest.mark.parametrize("road", ROADS)
async def test_a_name_with_one_address_of_ours_among_its_own_is_refused(
    road: str, fetcher: Fetcher, connects: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = answering([["93.184.216.34", "127.0.0.1"]], [])
    monkeypatch.setattr(socket, "getaddrinfo", found)
    with pytest.raises(TryAgain):
        await ROADS[road](fetcher, "https://login.example.test/x")
    assert connects == []


async def test_what_discovery_names_is_judged_like_the_provider_itself(
    fetcher: Fetcher, listener: Listener, connects: list[str]
) -> None:
    """A provider that was taken over cannot send the hub around in its own network."""
    inside = f"https://127.0.0.1:{listener.port}/keys"
    named = ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri")
    text = msgspec.json.encode(dict.fromkeys(named, inside) | {"issuer": listener.url}).decode()
    listener.answer = f"HTTP/1.1 200 OK\r\nContent-Length: {len(text)}\r\n\r\n{text}"
    made = provider(fetcher, listener.url, Network.INTERNAL)
    assert await made.discovered()
    connects.clear()
    made.settings = provider(fetcher, listener.url).settings
    token = by_hand({"alg": "RS256", "typ": "logout+jwt", "kid": "r1"}, CLAIMS)
    for ask in (made.claims("code", verifier="v", nonce="n"), made.logged_out(token)):
        with pytest.raises(TryAgain):
            await ask
    assert connects == []


async def test_no_redirect_is_followed(fetcher: Fetcher, listener: Listener) -> None:
    for status in (301, 302, 303, 307, 308):
        listener.answer = (
            f"HTTP/1.1 {status} Elsewhere\r\nLocation: {listener.url}/x\r\n"
            "Content-Length: 0\r\nConnection: close\r\n\r\n"
        )
        listener.connections = 0
        with pytest.raises(TryAgain):
            await provider(fetcher, listener.url, Network.INTERNAL).discovered()
        assert listener.connections == 1


async def test_a_provider_in_our_own_network_is_reached_where_the_settings_say_so(
    fetcher: Fetcher, listener: Listener
) -> None:
    assert await fetcher.get(listener.url, Network.INTERNAL) == b"{}"
    with pytest.raises(TryAgain, match="as it should"):
        await fetcher.get(listener.url, Network.PUBLIC)
    assert listener.connections == 1


async def test_a_proxy_of_the_environment_is_not_asked(
    fetcher: Fetcher, listener: Listener, connects: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "https_proxy"):
        monkeypatch.setenv(name, listener.url)
    monkeypatch.setattr(socket, "getaddrinfo", answering([["10.0.0.1"]], []))
    with pytest.raises(TryAgain):
        await fetcher.get("https://login.example.test/x", Network.PUBLIC)
    assert connects == []
