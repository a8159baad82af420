"""Kept connections, sizes, compression and closing of the outbound transport."""

import asyncio
import gzip
import ssl
import time
import zlib
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from connectors.http import (
    AiohttpTransport,
    NotSent,
    OutcomeUnknown,
    PoolTimedOut,
    ReadTimedOut,
    exchange,
)

BODY = b'{"amount":"12.50"}'


def post(
    url: str, *, method: str = "POST", body: bytes = BODY, **timeouts: float
) -> httpx.Request:
    bounds = {"connect": 2.0, "read": 2.0, "write": 2.0, "pool": 2.0, **timeouts}
    return httpx.Request(
        method,
        url,
        content=body,
        headers={"Content-Type": "application/json"},
        extensions={"timeout": bounds},
    )


async def fault_of(transport, request) -> NotSent | OutcomeUnknown:
    with pytest.raises((NotSent, OutcomeUnknown)) as caught:
        await exchange(transport, request)
    return caught.value


@pytest.fixture
async def transport():
    made = AiohttpTransport(connections=4)
    yield made
    await made.aclose()


async def test_names_are_looked_up_in_threads_of_our_own(transport, scripted, http_answer):
    closed = ThreadPoolExecutor(1)
    closed.shutdown()
    asyncio.get_running_loop().set_default_executor(closed)
    async with scripted(lambda _: http_answer()) as partner:
        answer = await exchange(transport, post(f"http://localhost:{partner.port}/x"))
    assert answer.status == 200


async def test_a_full_pool_is_not_sent(serving):
    async def talk(partner, reader, _writer):
        await partner.read_request(reader)
        await reader.read()

    transport = AiohttpTransport(connections=1)
    async with serving(talk) as partner:
        first = asyncio.create_task(fault_of(transport, post(partner.url, read=0.6)))
        await asyncio.sleep(0.1)
        fault = await fault_of(transport, post(partner.url, pool=0.1))
        await first
        await transport.aclose()
    assert isinstance(fault, PoolTimedOut)
    assert isinstance(fault, httpx.PoolTimeout)
    assert len(partner.requests) == 1


async def test_a_redirect_is_not_followed(transport, scripted, http_answer):
    async with scripted(lambda _: http_answer(302, headers={"Location": "/elsewhere"})) as partner:
        answer = await exchange(transport, post(partner.url))
    assert answer.status == 302
    assert len(partner.requests) == 1


async def test_cookies_are_not_kept(transport, scripted, http_answer):
    async with scripted(lambda _: http_answer(headers={"Set-Cookie": "a=b"})) as partner:
        await exchange(transport, post(partner.url))
        await exchange(transport, post(partner.url))
    assert "cookie" not in partner.requests[1].headers
    assert partner.connections == 1


async def test_a_proxy_in_the_environment_is_not_used(
    transport, scripted, http_answer, monkeypatch, unused_tcp_port
):
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{unused_tcp_port}")
    async with scripted(lambda _: http_answer()) as partner:
        assert (await exchange(transport, post(partner.url))).status == 200


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_a_kept_connection_that_dies_under_a_request_is_unknown_and_sent_once(
    transport, serving, http_answer, method
):
    async def talk(partner, reader, writer):
        await partner.read_request(reader)
        writer.write(http_answer())
        await partner.read_request(reader)
        writer.close()

    async with serving(talk) as partner:
        await exchange(transport, post(partner.url, method=method))
        fault = await fault_of(transport, post(partner.url, method=method))
    assert isinstance(fault, OutcomeUnknown)
    assert len(partner.requests) == 2
    assert partner.connections == 1


async def test_a_kept_connection_closed_while_idle_is_replaced(transport, serving, http_answer):
    async def talk(partner, reader, writer):
        await partner.read_request(reader)
        writer.write(http_answer())
        await writer.drain()
        writer.close()

    async with serving(talk) as partner:
        for _ in range(3):
            assert (await exchange(transport, post(partner.url))).status == 200
            await asyncio.sleep(0.05)
    assert partner.connections == 3


async def test_an_answer_nobody_asked_for_is_never_taken_for_the_next_ones(
    transport, serving, http_answer
):
    async def talk(partner, reader, writer):
        await partner.read_request(reader)
        writer.write(http_answer(200, b'"mine"'))
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(http_answer(408, b'"nobody\'s"'))
        await writer.drain()
        await reader.read()

    async with serving(talk) as partner:
        await exchange(transport, post(partner.url))
        await asyncio.sleep(0.15)
        fault = await fault_of(transport, post(partner.url))
    assert isinstance(fault, NotSent)
    assert fault.code == "stale_connection"
    assert len(partner.requests) == 1


async def test_a_reply_over_the_cap_is_unknown(scripted, http_answer):
    transport = AiohttpTransport(max_response_bytes=1000)
    async with scripted(lambda _: http_answer(200, b"x" * 1001)) as partner:
        fault = await fault_of(transport, post(partner.url))
        await transport.aclose()
    assert isinstance(fault, OutcomeUnknown)
    assert fault.code == "reply_too_large"


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_compressed_reply_is_inflated(transport, scripted, http_answer, encoding):
    text = b'{"a":"' + b"b" * 100_000 + b'"}'
    packed = gzip.compress(text) if encoding == "gzip" else zlib.compress(text)
    headers = {"Content-Encoding": encoding}
    async with scripted(lambda _: http_answer(200, packed, headers=headers)) as partner:
        for _ in range(2):
            assert (await exchange(transport, post(partner.url))).body == text
    assert partner.connections == 1


async def test_a_decompression_bomb_is_stopped_at_the_cap(scripted, http_answer):
    transport = AiohttpTransport(max_response_bytes=100_000)
    bomb = gzip.compress(bytes(200_000_000), compresslevel=1)
    headers = {"Content-Encoding": "gzip"}
    started = time.process_time()
    async with scripted(lambda _: http_answer(200, bomb, headers=headers)) as partner:
        fault = await fault_of(transport, post(partner.url))
        await transport.aclose()
    assert fault.code == "reply_too_large"
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize(
    ("packed", "code"),
    [
        (gzip.compress(b"0123456789" * 50)[:-9], "reply_truncated"),
        (b"\x1f\x8bnot gzip at all", "reply_unreadable"),
    ],
    ids=["cut", "no gzip"],
)
async def test_damaged_compression_is_unknown(transport, scripted, http_answer, packed, code):
    headers = {"Content-Encoding": "gzip"}
    async with scripted(lambda _: http_answer(200, packed, headers=headers)) as partner:
        fault = await fault_of(transport, post(partner.url))
    assert isinstance(fault, OutcomeUnknown)
    assert fault.code == code


async def test_a_cancelled_call_gives_its_place_back(serving, http_answer):
    hang = True

    async def talk(partner, reader, writer):
        await partner.read_request(reader)
        if hang:
            await reader.read()
        writer.write(http_answer())
        await reader.read()

    transport = AiohttpTransport(connections=1)
    async with serving(talk) as partner:
        for _ in range(3):
            task = asyncio.create_task(exchange(transport, post(partner.url)))
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        hang = False
        assert (await exchange(transport, post(partner.url))).status == 200
        await transport.aclose()


async def test_after_close_nothing_is_sent(scripted, http_answer):
    transport = AiohttpTransport()
    async with scripted(lambda _: http_answer()) as partner:
        await exchange(transport, post(partner.url))
        await transport.aclose()
        await transport.aclose()
        fault = await fault_of(transport, post(partner.url))
    assert isinstance(fault, NotSent)
    assert len(partner.requests) == 1


async def test_a_foreign_transport_keeps_to_the_same_map():
    faults = {
        httpx.ConnectError("x"): NotSent,
        httpx.ConnectTimeout("x"): NotSent,
        httpx.PoolTimeout("x"): NotSent,
        httpx.ReadTimeout("x"): ReadTimedOut,
        httpx.RemoteProtocolError("x"): OutcomeUnknown,
        httpx.WriteError("x"): OutcomeUnknown,
    }
    for raised, expected in faults.items():

        def fail(_request, raised=raised):
            raise raised

        fault = await fault_of(httpx.MockTransport(fail), post("http://x.test/"))
        assert isinstance(fault, expected)


async def test_an_httpx_client_works_over_the_transport(scripted, http_answer):
    async with scripted(lambda _: http_answer(200, b'{"ok":true}')) as partner:
        async with httpx.AsyncClient(transport=AiohttpTransport(), base_url=partner.url) as client:
            response = await client.post("/x", json={"a": 1})
        assert response.json() == {"ok": True}


async def test_a_context_that_verifies_cannot_be_weakened_by_default(tls):
    assert tls.client(certificate=False).verify_mode is ssl.CERT_REQUIRED
