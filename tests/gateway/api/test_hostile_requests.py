"""What a hostile client can do on loopback without the token: nothing, and not for long."""

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import pytest

from tests.gateway.live import Live

Talk = Callable[..., str]


@pytest.fixture
def talk(live: Live) -> Talk:
    """Send a raw request with the token; return everything until the hub closes or falls silent."""

    def send(*lines: str, body: bytes = b"", token: bool = True) -> str:
        own = [f"Authorization: Bearer {live.token}"] if token else []
        head = "\r\n".join([lines[0], "Host: hub", *own, *lines[1:], "", ""])
        return asyncio.run(_told(live, head.encode("latin-1") + body))

    return send


async def _told(live: Live, raw: bytes) -> str:
    reader, writer = await _open(live)
    writer.write(raw)
    told = b""
    try:
        async with asyncio.timeout(1):
            while block := await reader.read(65536):
                told += block
    except TimeoutError:
        pass
    writer.close()
    return told.decode("latin-1")


def _open(live: Live) -> Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    parts = urlsplit(live.url)
    return asyncio.open_connection(parts.hostname, parts.port)


def test_a_second_request_cannot_hide_in_the_body_of_the_first(talk: Talk) -> None:
    hidden = b"0\r\n\r\nGET /v1/interfaces HTTP/1.1\r\nHost: hub\r\n\r\n"
    told = talk(
        "POST /v1/interfaces/intake/files HTTP/1.1",
        "Content-Length: 4",
        "Transfer-Encoding: chunked",
        body=hidden,
    )
    assert told.count("HTTP/1.1 ") == 1
    assert "connection: close" in told.lower()


@pytest.mark.parametrize(
    "lines",
    [
        ("Content-Length: 4", "Content-Length: 5"),
        ("Transfer-Encoding: xchunked",),
        ("Content-Length: +4",),
    ],
)
def test_a_body_of_doubtful_length_is_refused(talk: Talk, lines: tuple[str, ...]) -> None:
    told = talk("POST /v1/interfaces/intake/files HTTP/1.1", *lines, body=b"abcde")
    assert told.startswith("HTTP/1.1 400 ")
    assert told.count("HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    "line",
    [
        "GET /v1/messages HTTP/1.1",
        "GET /healthz/../v1/messages HTTP/1.1",
        "GET /healthz/%2e%2e/v1/messages HTTP/1.1",
        "GET //healthz//v1/messages HTTP/1.1",
        "GET http://127.0.0.1/v1/messages HTTP/1.1",
        "OPTIONS /v1/messages HTTP/1.1",
        "GET /schema/openapi.json HTTP/1.1",
        "GET /metrics HTTP/1.1",
        "TRACE /healthzz HTTP/1.1",
    ],
)
def test_no_way_of_writing_a_path_leads_past_the_door(talk: Talk, line: str) -> None:
    told = talk(line, "Connection: close", token=False)
    assert told.startswith("HTTP/1.1 401 ")


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "bearer x", "Basic eDp4", "Bearer \xff"])
def test_a_wrong_token_of_any_shape_is_refused(talk: Talk, header: str) -> None:
    line = "GET /v1/messages HTTP/1.1"
    told = talk(line, f"Authorization: {header}", "Connection: close", token=False)
    assert told.startswith("HTTP/1.1 401 ")


def test_a_page_of_another_origin_reads_nothing(talk: Talk) -> None:
    """Neither by CORS nor by a name that now leads to loopback: a browser has no token to send."""
    evil = ("Origin: http://evil.example", "Connection: close")
    for verb in ("GET", "OPTIONS"):
        told = talk(f"{verb} /v1/messages HTTP/1.1", *evil, token=False)
        assert told.startswith("HTTP/1.1 401 ")
        assert "access-control" not in told.lower()
    assert "access-control" not in talk("GET /healthz HTTP/1.1", *evil, token=False).lower()


@pytest.mark.parametrize(
    ("line", "header"),
    [
        (f"GET /{'a' * 100_000} HTTP/1.1", "X-A: b"),
        ("GET /v1/messages HTTP/1.1", f"X-A: {'a' * 1_000_000}"),
    ],
)
def test_a_head_without_end_is_refused(talk: Talk, line: str, header: str) -> None:
    assert talk(line, header)[:10] in ("HTTP/1.1 4", "")


def test_a_path_cannot_write_into_the_answers_head(talk: Talk) -> None:
    told = talk("GET /v1/messages/%0d%0aX-Evil:%201 HTTP/1.1", "Connection: close")
    assert told.startswith("HTTP/1.1 404 ")
    assert "evil" not in told.lower()


def test_slow_clients_hold_nobody_up(live: Live) -> None:
    async def crowd() -> int:
        slow = [await _open(live) for _ in range(100)]
        for _, writer in slow:
            writer.write(b"POST /v1/interfaces/intake/files HTTP/1.1\r\nHost: hub\r\nX")
        status = await asyncio.to_thread(lambda: live.client.get("/healthz").status_code)
        for _, writer in slow:
            writer.close()
        return status

    assert asyncio.run(crowd()) == 200
