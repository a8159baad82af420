"""No spelling of an address of ours is connected to where only public addresses may be.

F-SSRF, for webhooks; `tests/gateway/access/test_fetching.py` has the same for keys and discovery.
"""

import socket
import sys

import msgspec
import pytest

from connectors.base import Call, Document, Failed, Failure
from connectors.http import AiohttpTransport, NotSent, exchange, make_request, make_url
from connectors.ssrf import Network, refusal_of, restrict
from connectors.webhook import CONNECTOR, Settings, secret_text

# fmt: off
LOOPBACK = [
    "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0x7f.1",
    "0X7F.0X0.0X0.0X1", "0177.0.0.1", "017700000001", "0177.0.0.01", "00000177.0.0.1",
    "127.0.0.1.", "127.255.255.254", "0.0.0.0", "0", "0x0", "localhost", "LOCALHOST",
    "localhost.", "%31%32%37.0.0.1", "127%2e0.0.1",
    "\uff11\uff12\uff17.0.0.1", "127\u30020\u30020\u30021", "\u2460\u2461\u2466.0.0.\u2460",
    "[::1]", "[0:0:0:0:0:0:0:1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
    "[0:0:0:0:0:FFFF:7F00:0001]", "[::127.0.0.1]", "[64:ff9b::127.0.0.1]", "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]", "[::ffff:0:127.0.0.1]",
]
OTHERS = [
    "10.0.0.1", "0xa000001", "167772161", "012.0.0.1", "172.16.0.1", "172.31.255.255",
    "192.168.1.1", "3232235777", "0300.0250.1.1", "100.64.0.1", "100.127.255.255",
    "169.254.169.254", "2852039166", "0xA9FEA9FE", "0251.0376.0251.0376", "169.254.43518",
    "168.63.129.16", "192.0.0.192", "198.18.0.1", "192.0.2.1", "203.0.113.1", "192.88.99.1",
    "224.0.0.1", "240.0.0.1", "255.255.255.255", "[fe80::1]", "[fe80::1%25lo]", "[fc00::1]",
    "[fd00:ec2::254]", "[fec0::1]", "[ff02::1]", "[100::1]",
    "[2001:0:4136:e378:8000:63bf:3fff:fdd2]", "[2001:db8::1]", "[64:ff9b:1::a00:1]",
    "[::ffff:a9fe:a9fe]", "[2606:4700::5efe:a00:1]", "[5f00::1]",
]
# fmt: on
AROUND = (
    "https://example.test@127.0.0.1:{port}/",
    "https://example.test:pass@127.0.0.1:{port}/",
    "https://127.0.0.1:{port}#@example.test/",
    "https://127.0.0.1:{port}\\@example.test/",
    "https://example.test@@127.0.0.1:{port}/",
    "https://127.0.0.1:{port}\t.example.test/",
    "https://127.0.0.1:{port}\n/",
    "http://127.0.0.1:{port}/",
    "file:///etc/hostname",
    "gopher://127.0.0.1:{port}/",
)
PUBLIC = (
    "8.8.8.8",
    "93.184.216.34",
    "100.63.255.255",
    "172.32.0.1",
    "192.0.1.1",
    "198.20.0.1",
    "2606:4700::1111",
    "2a00:1450:4001:800::200e",
    "64:ff9b::808:808",
    "::ffff:8.8.8.8",
    "2002:808:808::1",
)
_CONNECTS: list[str] = []
_LISTENING = [False]


def _hear(event: str, arguments: tuple[object, ...]) -> None:
    if _LISTENING[0] and event == "socket.connect":
        address = arguments[1]
        _CONNECTS.append(str(address[0] if isinstance(address, tuple) else address))


@pytest.fixture(scope="session")
def audited():
    sys.addaudithook(_hear)  # the interpreter keeps it: one for all tests


@pytest.fixture
def connects(audited):
    """Every address a socket of this process is asked to connect to, while the test runs."""
    _CONNECTS.clear()
    _LISTENING[0] = True
    yield _CONNECTS
    _LISTENING[0] = False


@pytest.fixture
async def listener(scripted, http_answer):
    async with scripted(lambda _exchange: http_answer(200)) as partner:
        yield partner


async def sent_to(url: str, make_context, network: str = "public"):
    """Open a webhook to `url` and deliver once; None where the settings are refused."""
    raw = {"url": url, "secrets": ["${secret:KEY}"], "network": network, "connect_seconds": 3.0}
    context = make_context(KEY=secret_text(bytes(32)))
    try:
        sink = CONNECTOR.sink(msgspec.convert(raw, Settings), context)
    except (ValueError, msgspec.ValidationError):
        return None
    try:
        call = Call(key="k-1", attempt=1, deadline=context.clock.monotonic() + 20)
        return await sink.deliver(call, Document(contract="c", data={}))
    finally:
        await sink.close()


def test_there_are_sixty_spellings_and_more():
    assert len({*LOOPBACK, *OTHERS, *AROUND}) >= 60


@pytest.mark.parametrize("host", [*LOOPBACK, *OTHERS])
async def test_no_spelling_of_an_address_of_ours_is_connected_to(
    host, listener, connects, make_context
):
    outcome = await sent_to(f"https://{host}:{listener.port}/x", make_context)
    assert outcome is None or (isinstance(outcome, Failed) and outcome.code != "refused")
    assert connects == []
    assert listener.connections == 0


@pytest.mark.parametrize("url", AROUND)
async def test_nothing_around_the_host_hides_it(url, listener, connects, make_context):
    outcome = await sent_to(url.format(port=listener.port), make_context)
    assert outcome is None or isinstance(outcome, Failed)
    assert connects == []
    assert listener.connections == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0x7f.1", "0x7f000001"])
async def test_the_same_spelling_reaches_the_server_where_the_network_is_internal(
    host, listener, connects, make_context
):
    outcome = await sent_to(f"http://{host}:{listener.port}/x", make_context, "internal")
    assert listener.connections >= 1
    assert connects
    assert outcome is not None


async def test_a_refused_address_waits_for_a_person(listener, make_context):
    outcome = await sent_to(f"https://127.0.0.1:{listener.port}/x", make_context)
    assert isinstance(outcome, Failed)
    assert (outcome.failure, outcome.code) == (Failure.CREDENTIAL, "address_refused")


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_not_refused(address):
    assert refusal_of(address) == ""


@pytest.mark.parametrize("text", ["", "example.test", "1.2.3", "1.2.3.4.5", "::g"])
def test_what_is_no_address_is_refused(text):
    assert refusal_of(text)


def answering(addresses: list[list[str]], asked: list[str]):
    """Stand in for the name servers: each lookup takes the next list of addresses."""

    def look_up(host, port, family=0, kind=0, *_):
        asked.append(host)
        found = addresses[min(len(asked), len(addresses)) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in found]

    return look_up


async def asked_of(transport, port):
    request = make_request(
        "GET",
        make_url(f"http://subscriber.example.test:{port}/"),
        headers={},
        timeouts={"connect": 3.0, "read": 3.0, "write": 3.0, "pool": 3.0},
    )
    return await exchange(transport, request)


async def test_a_name_with_one_address_of_ours_among_its_own_is_refused(
    listener, connects, monkeypatch
):
    found = answering([["93.184.216.34", "127.0.0.1"]], [])
    monkeypatch.setattr(socket, "getaddrinfo", found)
    transport = AiohttpTransport(connections=1)
    restrict(transport, Network.PUBLIC)
    with pytest.raises(NotSent) as caught:
        await asked_of(transport, listener.port)
    await transport.aclose()
    assert caught.value.code == "address_refused"
    assert connects == []


async def test_the_connection_goes_to_the_address_that_was_judged(listener, connects, monkeypatch):
    """A name that answers differently a second time is not asked a second time."""
    asked: list[str] = []
    monkeypatch.setattr(socket, "getaddrinfo", answering([["127.0.0.1"], ["127.0.0.2"]], asked))
    judged: list[str] = []
    transport = AiohttpTransport(connections=1)
    transport.restrict(lambda address: "" if judged.append(address) is None else "never")
    answer = await asked_of(transport, listener.port)
    await transport.aclose()
    assert answer.status == 200
    assert asked == ["subscriber.example.test"]
    assert set(judged) == set(connects) == {"127.0.0.1"}


async def test_a_name_that_changes_its_mind_is_judged_again(listener, connects, monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", answering([["127.0.0.1"], ["127.0.0.2"]], []))
    refused = AiohttpTransport(connections=1)
    refused.restrict(lambda address: "" if address == "127.0.0.1" else "another")
    await asked_of(refused, listener.port)
    await refused.aclose()
    fresh = AiohttpTransport(connections=1)
    fresh.restrict(lambda address: "" if address == "127.0.0.1" else "another")
    with pytest.raises(NotSent):
        await asked_of(fresh, listener.port)
    await fresh.aclose()
    assert set(connects) == {"127.0.0.1"}


async def test_a_redirect_to_an_address_of_ours_is_not_followed(
    listener, scripted, http_answer, make_context
):
    place = {"Location": f"http://127.0.0.1:{listener.port}/x"}
    async with scripted(lambda _exchange: http_answer(302, headers=place)) as first:
        outcome = await sent_to(f"http://127.0.0.1:{first.port}/x", make_context, "internal")
    assert isinstance(outcome, Failed)
    assert (outcome.failure, outcome.code) == (Failure.DESTINATION, "redirect")
    assert listener.connections == 0


async def test_a_transport_that_cannot_judge_is_not_used_for_a_url_of_others():
    with pytest.raises(ValueError, match="cannot be kept off"):
        restrict(object(), Network.PUBLIC)
    restrict(object(), Network.INTERNAL)


async def test_a_transport_is_not_restricted_once_it_was_used(listener):
    transport = AiohttpTransport(connections=1)
    request = make_request("GET", make_url(listener.url), headers={}, timeouts={"connect": 3.0})
    await exchange(transport, request)
    with pytest.raises(RuntimeError):
        transport.restrict(refusal_of)
    await transport.aclose()
