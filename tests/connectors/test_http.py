"""The error map of the outbound transport, row by row, against a server that misbehaves."""

import asyncio
import socket
import ssl
import threading

import httpx
import pytest

from connectors.http import (
    AiohttpTransport,
    Answer,
    ConnectTimedOut,
    NotSent,
    OutcomeUnknown,
    ReadTimedOut,
    exchange,
    may_have_left,
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


async def test_a_refused_connection_is_not_sent(transport, unused_tcp_port):
    request = post(f"http://127.0.0.1:{unused_tcp_port}/x")
    fault = await fault_of(transport, request)
    assert isinstance(fault, NotSent)
    assert fault.code == "refused"
    assert not may_have_left(request)


async def test_an_unknown_host_is_not_sent(transport):
    fault = await fault_of(transport, post("http://no-such-host.invalid/x"))
    assert isinstance(fault, NotSent)
    assert fault.code == "dns"


async def test_tls_to_a_plain_port_is_not_sent(transport, serving, http_answer):
    async def plain(_partner, reader, writer):
        await reader.read(1)
        writer.write(http_answer(400))
        await writer.drain()

    async with serving(plain) as partner:
        fault = await fault_of(transport, post(f"https://127.0.0.1:{partner.port}/x"))
    assert isinstance(fault, NotSent)
    assert fault.code == "tls"


async def test_tls_to_a_port_that_says_nothing_is_a_connect_timeout(transport, serving):
    async def silent(_partner, reader, _writer):
        await reader.read()

    async with serving(silent) as partner:
        request = post(f"https://127.0.0.1:{partner.port}/x", connect=0.2)
        fault = await fault_of(transport, request)
    assert isinstance(fault, ConnectTimedOut)
    assert isinstance(fault, httpx.ConnectTimeout)


async def test_a_certificate_nobody_vouches_for_is_not_sent(transport, scripted, http_answer, tls):
    async with scripted(lambda _: http_answer(), ssl=tls.server()) as partner:
        fault = await fault_of(transport, post(f"https://127.0.0.1:{partner.port}/x"))
    assert isinstance(fault, NotSent)
    assert fault.code == "tls_certificate"
    assert partner.requests == []


async def test_a_trusted_certificate_and_a_client_certificate_get_through(
    scripted, http_answer, tls
):
    async with scripted(lambda _: http_answer(), ssl=tls.server(mutual=True)) as partner:
        transport = AiohttpTransport(verify=tls.client(certificate=True))
        answer = await exchange(transport, post(f"https://127.0.0.1:{partner.port}/x"))
        await transport.aclose()
    assert answer.status == 200


async def test_a_missing_client_certificate_is_not_sent(tls):
    def refuse(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            wrapped = tls.server(mutual=True).wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            )
            with wrapped:
                with pytest.raises(ssl.SSLError):
                    wrapped.do_handshake()
                heard.wait(5)

    heard = threading.Event()
    transport = AiohttpTransport(verify=tls.client(certificate=False))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = asyncio.create_task(asyncio.to_thread(refuse, listener))
        port = listener.getsockname()[1]
        fault = await fault_of(transport, post(f"https://127.0.0.1:{port}/x", body=b""))
        heard.set()
        await server
    await transport.aclose()
    assert isinstance(fault, NotSent)
    assert fault.code == "tls_client_certificate"


async def test_a_reset_on_accept_is_unknown(transport, serving, send_rst):
    async def talk(_partner, _reader, writer):
        send_rst(writer)

    async with serving(talk) as partner:
        fault = await fault_of(transport, post(partner.url))
    assert isinstance(fault, OutcomeUnknown)


async def test_a_reset_in_the_middle_of_the_request_is_unknown(transport, serving, send_rst):
    async def talk(_partner, reader, writer):
        await reader.readexactly(1000)
        send_rst(writer)

    async with serving(talk) as partner:
        fault = await fault_of(transport, post(partner.url, body=b"x" * 8_000_000))
    assert isinstance(fault, OutcomeUnknown)


async def test_a_reset_before_the_reply_is_unknown(transport, serving, send_rst):
    async def talk(partner, reader, writer):
        await partner.read_request(reader)
        send_rst(writer)

    async with serving(talk) as partner:
        request = post(partner.url)
        fault = await fault_of(transport, request)
    assert isinstance(fault, OutcomeUnknown)
    assert may_have_left(request)
    assert len(partner.requests) == 1


async def test_a_close_on_accept_is_unknown(transport, serving):
    async def talk(_partner, _reader, writer):
        writer.close()

    async with serving(talk) as partner:
        fault = await fault_of(transport, post(partner.url))
    assert isinstance(fault, OutcomeUnknown)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "GET", "PATCH"])
async def test_a_close_before_the_reply_is_unknown_and_sent_once(transport, serving, method):
    async def talk(partner, reader, writer):
        await partner.read_request(reader)
        writer.close()

    async with serving(talk) as partner:
        fault = await fault_of(transport, post(partner.url, method=method))
    assert isinstance(fault, OutcomeUnknown)
    assert fault.code == "disconnected"
    assert len(partner.requests) == 1


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (b"HTTP/1.1 200 O", "disconnected"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5", "disconnected"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{}", "reply_truncated"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "reply_truncated"),
        (b"SSH-2.0-something\r\n\r\n", "reply_unreadable"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "reply_unreadable"),
    ],
)
async def test_a_cut_or_unreadable_reply_is_unknown(transport, serving, reply, code):
    async def talk(partner, reader, writer):
        await partner.read_request(reader)
        writer.write(reply)
        await writer.drain()
        writer.close()

    async with serving(talk) as partner:
        fault = await fault_of(transport, post(partner.url))
    assert isinstance(fault, OutcomeUnknown)
    assert fault.code == code
    assert len(partner.requests) == 1


async def test_a_partner_that_never_replies_is_a_read_timeout_of_unknown_outcome(
    transport, serving
):
    async def talk(partner, reader, _writer):
        await partner.read_request(reader)
        await reader.read()

    async with serving(talk) as partner:
        fault = await fault_of(transport, post(partner.url, read=0.2))
    assert isinstance(fault, ReadTimedOut)
    assert isinstance(fault, httpx.ReadTimeout)


async def test_a_slow_drip_ends_with_the_callers_deadline_and_may_have_left(transport, serving):
    async def talk(partner, reader, writer):
        await partner.read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with serving(talk) as partner:
        request = post(partner.url)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.4):
                await exchange(transport, request)
        assert may_have_left(request)


async def test_a_deadline_while_connecting_says_that_nothing_left(transport, serving):
    async def silent(_partner, reader, _writer):
        await reader.read()

    async with serving(silent) as partner:
        request = post(f"https://127.0.0.1:{partner.port}/x")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await exchange(transport, request)
        assert not may_have_left(request)


async def test_an_answer_is_an_answer_whatever_its_status(transport, scripted, http_answer):
    async with scripted(lambda _: http_answer(503, b'{"a":1}', headers={"Retry-After": "7"})) as p:
        answer = await exchange(transport, post(p.url))
    assert answer == Answer(status=503, headers=answer.headers, body=b'{"a":1}')
    assert answer.headers["retry-after"] == "7"


async def test_a_refusal_that_comes_before_the_whole_body_was_sent_is_an_answer(
    transport, serving, http_answer
):
    async def talk(_partner, reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(http_answer(413))
        await writer.drain()
        await asyncio.sleep(10)

    async with serving(talk) as partner:
        answer = await exchange(transport, post(partner.url, body=b"x" * 30_000_000))
    assert answer.status == 413


async def test_no_error_shows_the_address_or_the_body(transport, serving):
    async def talk(partner, reader, writer):
        await partner.read_request(reader)
        writer.close()

    async with serving(talk) as partner:
        fault = await fault_of(transport, post(f"{partner.url}/x?patient=CANARY", body=b"CANARY"))
    assert "CANARY" not in f"{fault} {fault!r} {fault.__cause__} {fault.__suppress_context__}"
