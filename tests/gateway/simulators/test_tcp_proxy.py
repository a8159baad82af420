"""The TCP proxy: what each fault lets the server see, and what the client makes of it."""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator

import pytest

from gateway.ports import Randomness
from gateway.simulators.tcp_proxy import EFFECT_POSSIBLE, Fault, TcpProxy, swizzle

REQUEST = b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"
REPLY = b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{"id": "abcd"}'[:-1]


class Server:
    """Reads whole requests, keeps count, answers each."""

    def __init__(self) -> None:
        self.seen = 0
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                await reader.readexactly(len(REQUEST))
                self.seen += 1
                writer.write(REPLY)
                await writer.drain()
        writer.close()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    there = Server()
    listening = await asyncio.start_server(there.serve, "127.0.0.1", 0)
    there.port = listening.sockets[0].getsockname()[1]
    yield there
    listening.close()


@pytest.fixture
async def proxy(server: Server) -> AsyncIterator[TcpProxy]:
    async with TcpProxy("127.0.0.1", server.port, randomness=Randomness(1)) as there:
        yield there


async def ask(port: int, seconds: float = 5) -> bytes:
    """Send one request and return all that comes down until the reply is whole or it ends."""
    async with asyncio.timeout(seconds):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            return await asked(reader, writer)
        finally:
            writer.close()


async def asked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    writer.write(REQUEST)
    await writer.drain()
    got = b""
    while len(got) < len(REPLY) and (block := await reader.read(1000)):
        got += block
    return got


async def test_without_a_fault_it_forwards_and_keeps_the_connection(
    proxy: TcpProxy, server: Server
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    for _ in range(3):
        assert await asked(reader, writer) == REPLY
    writer.close()
    assert (proxy.accepted, server.seen, sum(proxy.struck.values())) == (1, 3, 0)


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize(
    ("fault", "ends"),
    [
        (Fault.RST_ON_ACCEPT, ConnectionResetError),
        (Fault.FIN_ON_ACCEPT, b""),
        (Fault.RST_MID_REQUEST, ConnectionResetError),
        (Fault.RST_BEFORE_REPLY, ConnectionResetError),
        (Fault.FIN_BEFORE_REPLY, b""),
        (Fault.TRUNCATED_HEADERS, REPLY[:19]),
        (Fault.TRUNCATED_BODY, REPLY[:-7]),
        (Fault.BLACK_HOLE, TimeoutError),
        (Fault.HANG_BEFORE_REPLY, TimeoutError),
        (Fault.SLOW_DRIP, TimeoutError),
        (Fault.CORRUPT_BYTE, REPLY[:-13] + b"n" + REPLY[-12:]),
        (Fault.TLS_TO_PLAIN, b"HTTP/1.1 400 Bad Request"),
    ],
)
async def test_each_fault_shows_client_and_server_what_its_name_says(
    proxy: TcpProxy, server: Server, fault: Fault, ends: type[Exception] | bytes, kept: bool
) -> None:
    if kept:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        assert await asked(reader, writer) == REPLY
    before = server.seen
    proxy.fault = fault
    slow = fault in (Fault.BLACK_HOLE, Fault.HANG_BEFORE_REPLY, Fault.SLOW_DRIP)

    async def go() -> bytes:
        if not kept:
            return await ask(proxy.port, 0.5 if slow else 5)
        async with asyncio.timeout(0.5 if slow else 5):
            return await asked(reader, writer)

    if isinstance(ends, bytes):
        got = await go()
        assert got.startswith(ends)
        assert got == ends or fault is Fault.TLS_TO_PLAIN
    else:
        with pytest.raises(ends):
            await go()
    if kept:
        writer.close()
    assert proxy.struck == {fault: 1}
    assert server.seen - before == (1 if fault in EFFECT_POSSIBLE else 0)
    proxy.fault = None
    assert await ask(proxy.port) == REPLY


async def test_a_refusal_closes_what_is_idle_and_lets_nobody_in(
    proxy: TcpProxy, server: Server
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    assert await asked(reader, writer) == REPLY
    proxy.fault = Fault.REFUSE
    assert await reader.read() == b""
    writer.close()
    with pytest.raises(ConnectionRefusedError):
        await ask(proxy.port)
    proxy.fault = None
    assert await ask(proxy.port) == REPLY
    with pytest.raises(ValueError, match="drawn"):
        proxy.chances = {Fault.REFUSE: 0.5}


async def test_a_script_goes_first_and_chances_follow_their_seed(
    proxy: TcpProxy, server: Server
) -> None:
    proxy.script.extend([Fault.FIN_BEFORE_REPLY, None])
    assert [await ask(proxy.port) for _ in range(3)] == [b"", REPLY, REPLY]
    proxy.chances = {Fault.FIN_BEFORE_REPLY: 0.25, Fault.TRUNCATED_BODY: 0.25}
    got = [len(await ask(proxy.port)) for _ in range(60)]
    counts = (proxy.struck[Fault.FIN_BEFORE_REPLY] - 1, proxy.struck[Fault.TRUNCATED_BODY])
    assert counts == (got.count(0), sum(0 < size < len(REPLY) for size in got))
    assert 5 < counts[0] < 25
    assert 5 < counts[1] < 25


async def test_a_connection_may_be_cut_after_a_number_of_bytes(proxy: TcpProxy) -> None:
    proxy.fault, proxy.stream_bytes = Fault.RST_MID_STREAM, 5
    with pytest.raises(ConnectionResetError):
        await ask(proxy.port)
    proxy.stream_bytes = len(REPLY) + 5
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    assert await asked(reader, writer) == REPLY
    with pytest.raises(ConnectionResetError):
        await asked(reader, writer)
    assert proxy.struck[Fault.RST_MID_STREAM] == 2


async def test_it_says_how_long_a_client_held_on(proxy: TcpProxy) -> None:
    proxy.fault = Fault.BLACK_HOLE
    with pytest.raises(TimeoutError):
        await ask(proxy.port, 0.3)
    async with asyncio.timeout(5):
        while proxy.connections:
            await asyncio.sleep(0.01)
    assert 0.25 < proxy.longest_seconds < 5


async def test_a_clogged_proxy_loses_nothing_and_a_swizzle_ends_unclogged(
    proxy: TcpProxy, server: Server
) -> None:
    proxy.clog()
    asking = asyncio.create_task(ask(proxy.port))
    _, waiting = await asyncio.wait({asking}, timeout=0.1)
    assert waiting
    assert server.seen == 0
    proxy.unclog()
    assert await asking == REPLY
    async with TcpProxy("127.0.0.1", server.port) as other:
        storm = asyncio.create_task(swizzle([proxy, other], Randomness(3), pause_seconds=0.1))
        answers = await asyncio.gather(*(ask(p.port) for p in (proxy, other) for _ in range(20)))
        await storm
        assert set(answers) == {REPLY}
        assert proxy.passing.is_set()
        assert other.passing.is_set()


async def test_large_streams_pass_unchanged() -> None:
    data = b"\x00\xff" * 2_000_000

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while block := await reader.read(65536):
            writer.write(block)
            await writer.drain()
        writer.close()

    listening = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with TcpProxy("127.0.0.1", listening.sockets[0].getsockname()[1]) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)

        async def send() -> None:
            writer.write(data)
            await writer.drain()
            writer.write_eof()

        _, got = await asyncio.gather(send(), reader.read(-1))
        writer.close()
    listening.close()
    assert hashlib.sha256(got).digest() == hashlib.sha256(data).digest()
