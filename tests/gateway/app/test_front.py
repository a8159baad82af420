"""The front by itself, before a server of ten lines: what it carries, bounds, and lets go."""

import asyncio
import contextlib
import datetime as dt
import os
import socket
import ssl
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop

from gateway.access import Peer
from gateway.app import front as module
from gateway.app.front import LOOPBACK
from gateway.errors import ConfigError
from tests.gateway.app.authority import Issued, client_context
from tests.gateway.app.place import Place, echo, hang_up

Run = Callable[[Coroutine[Any, Any, None]], None]
BIG = 64_000_000
"""More than the buffers of two connections hold."""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture(params=[None, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    def ran(story: Coroutine[Any, Any, None]) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(40):
                await story

        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(bounded())

    return ran


async def eventually(look: Callable[[], object]) -> None:
    while not look():
        await asyncio.sleep(0.01)


def test_bytes_go_both_ways_as_they_are_and_the_client_is_known_meanwhile(
    run: Run, place: Place
) -> None:
    async def story() -> None:
        async with place.open(echo) as here:
            reader, writer = await here.connect(here.client)
            sent = os.urandom(5_000_000)
            writer.write(sent)
            assert await reader.readexactly(len(sent)) == sent
            assert list(here.front.peers.values()) == [Peer(LOOPBACK, here.client.thumbprint)]
            _, other = await here.connect()
            await eventually(lambda: len(here.front.peers) == 2)
            assert Peer(LOOPBACK) in here.front.peers.values()
            await hang_up(writer)
            await hang_up(other)
            await eventually(lambda: not here.front.peers)

    run(story())


def test_what_comes_with_the_handshake_is_not_lost(run: Run, place: Place) -> None:
    async def story() -> None:
        async with place.open(echo) as here:
            for _ in range(20):
                reader, writer = await here.connect()
                writer.write(b"at once")
                assert await reader.readexactly(7) == b"at once"
                await hang_up(writer)

    run(story())


def test_a_server_that_does_not_read_holds_the_client_up(run: Run, place: Place) -> None:
    go_on = asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await go_on.wait()
        writer.write(b"%d" % len(await reader.readexactly(BIG)))
        writer.close()

    async def story() -> None:
        async with place.open(slow) as here:
            reader, writer = await here.connect()
            sent = 0
            with contextlib.suppress(TimeoutError):
                while sent < BIG:
                    writer.write(bytes(100_000))
                    sent += 100_000
                    async with asyncio.timeout(0.5):
                        await writer.drain()
            assert sent < BIG / 2
            go_on.set()
            writer.write(bytes(BIG - sent))
            assert await reader.read() == b"%d" % BIG
            await hang_up(writer)

    run(story())


def test_a_client_that_does_not_read_holds_the_server_up_and_misses_nothing(
    run: Run, place: Place
) -> None:
    written = 0

    async def eager(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        while written < BIG:
            writer.write(bytes(100_000))
            written += 100_000
            await writer.drain()
        writer.close()

    async def story() -> None:
        async with place.open(eager) as here:
            read = asyncio.create_task(here.ask(b"all", after_seconds=1))
            await asyncio.sleep(0.6)
            assert 0 < written < BIG / 2
            assert await read == BIG

    run(story())


def test_where_one_end_closes_the_other_does(run: Run, place: Place) -> None:
    ended = asyncio.Event()

    async def until_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.read(5)
        if first == b"close":
            writer.write(bytes(1_000_000))
        elif first == b"reset":
            writer.transport.abort()
        elif await reader.read() == b"":
            ended.set()
        writer.close()

    async def story() -> None:
        async with place.open(until_the_end) as here:
            for word, answer in ((b"close", 1_000_000), (b"reset", 0)):
                assert await here.ask(word) == answer
            for rude in (False, True):
                ended.clear()
                _, writer = await here.connect()
                writer.write(b"hello")
                await writer.drain()
                writer.transport.abort() if rude else await hang_up(writer)
                await ended.wait()

    run(story())


def test_one_that_broke_the_protocol_is_told_and_let_go(run: Run, place: Place) -> None:
    def broken() -> str:
        context = client_context(place.authority.file)
        with (
            socket.create_connection((LOOPBACK, place.port), timeout=30) as raw,
            context.wrap_socket(raw) as wrapped,
        ):
            wrapped.sendall(b"hello")
            assert wrapped.recv(5) == b"hello"
            os.write(raw.fileno() if raw.fileno() >= 0 else wrapped.fileno(), b"no record at all")
            with pytest.raises(ssl.SSLError) as told:
                wrapped.recv(1)
            return told.value.reason

    async def story() -> None:
        async with place.open(echo) as here:
            assert "ALERT" in await asyncio.to_thread(broken)
            await eventually(lambda: not here.front.peers)

    run(story())


def test_a_silent_client_and_one_without_tls_are_let_go(
    run: Run, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HANDSHAKE_SECONDS", 0.3)

    async def story() -> None:
        async with place.open(echo) as here:
            for word in (b"", b"GET / HTTP/1.1\r\n\r\n"):
                reader, writer = await asyncio.open_connection(LOOPBACK, here.port)
                writer.write(word)
                with contextlib.suppress(ConnectionError):
                    await reader.read()
                await hang_up(writer)
            assert here.front.peers == {}

    run(story())


def test_more_than_there_are_places_for_wait(
    run: Run, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_CONNECTIONS", 2)

    async def story() -> None:
        async with place.open(echo) as here:
            _, first = await here.connect()
            _, second = await here.connect()
            third = asyncio.create_task(here.connect())
            await asyncio.sleep(0.3)
            assert not third.done()
            await hang_up(first)
            _, writer = await third
            await hang_up(writer)
            await hang_up(second)

    run(story())


def test_clients_that_do_not_close_are_let_go_at_the_end(
    run: Run, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LAST_SECONDS", 0.2)

    async def story() -> None:
        async with place.open(echo) as here:
            reader, writer = await here.connect()
            silent, raw = await asyncio.open_connection(LOOPBACK, here.port)
            await asyncio.sleep(0.1)
        assert await reader.read() == b""
        assert await silent.read() == b""
        await hang_up(writer)
        await hang_up(raw)

    run(story())


def test_nobody_behind_ends_the_connection(run: Run, place: Place) -> None:
    async def story() -> None:
        async with place.open(echo) as here:
            here.front._accepting.cancel()
            await asyncio.wait([here.front._accepting])
            unused = await asyncio.start_server(echo, LOOPBACK, 0)
            port = unused.sockets[0].getsockname()[1]
            unused.close()
            here.front._accepting = asyncio.create_task(here.front._accept(port))
            reader, writer = await here.connect()
            assert await reader.read() == b""
            await hang_up(writer)

    run(story())


def test_a_list_of_revoked_certificates_counts_as_soon_as_it_is_there(
    run: Run, place: Place
) -> None:
    async def taken(here: Place, shown: Issued | None) -> bool:
        try:
            reader, writer = await here.connect(shown)
            writer.write(b"?")
            good = await reader.read(1) == b"?"
            await hang_up(writer)
        except OSError:
            return False
        return good

    async def story() -> None:
        other = place.authority.issue("other")
        place.authority.revoke(place.revoked)
        async with place.open(echo, revocations=True) as here:
            assert await taken(here, here.client)
            here.authority.revoke(here.revoked, here.client)
            assert not await taken(here, here.client)
            assert await taken(here, other)
            assert await taken(here, None)
            here.revoked.write_text("this is no list")
            assert not await taken(here, here.client)
            assert await taken(here, other)
            here.authority.revoke(here.revoked, ends_in=-dt.timedelta(minutes=1))
            assert not await taken(here, other)
            assert await taken(here, None)
            here.authority.revoke(here.revoked)
            assert await taken(here, here.client)

    run(story())


def test_a_session_that_is_resumed_is_still_its_certificates(run: Run, place: Place) -> None:
    async def known(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        peer = place.front.peers[writer.get_extra_info("peername")]
        writer.write(peer.certificate.encode())
        writer.close()

    def ask(version: ssl.TLSVersion) -> list[tuple[bool, str]]:
        context = client_context(place.authority.file, place.client)
        context.maximum_version = version
        session, seen = None, []
        for _ in range(2):
            with (
                socket.create_connection((LOOPBACK, place.port), timeout=20) as raw,
                context.wrap_socket(raw, session=session) as wrapped,
            ):
                wrapped.sendall(b"?")
                said = wrapped.recv(100).decode()
                session = wrapped.session
                seen.append((bool(wrapped.session_reused), said))
                while wrapped.recv(100):
                    pass
        return seen

    async def story() -> None:
        async with place.open(known) as here:
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                first, again = await asyncio.to_thread(ask, version)
                assert first == (False, here.client.thumbprint)
                assert again == (True, here.client.thumbprint)

    run(story())


def test_files_that_are_no_certificates_are_an_error_of_ours(place: Place) -> None:
    place.authority.file.write_text("nothing")
    with pytest.raises(ConfigError, match="TLS files cannot be used"):
        place.contexts()
    place.authority.file.unlink()
    with pytest.raises(ConfigError, match="is not there"):
        place.contexts()
