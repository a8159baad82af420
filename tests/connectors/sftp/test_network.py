"""SFTP over a network that cuts, stalls or is not there (a real server behind a proxy)."""

import asyncio
import os

import pytest

from connectors.base import (
    Delivered,
    Document,
    Failed,
    Failure,
    SourceFault,
)
from connectors.sftp.faults import SftpFault
from connectors.sftp.remote import Placing

DOCUMENT = Document(contract="c", raw=b"x" * 100_000, name="a.835")


async def offers_of(source):
    return [offer async for offer in source.discover()]


async def content_of(source, offer):
    return b"".join([block async for block in source.fetch(offer)])


async def fault_of(awaitable) -> SourceFault:
    with pytest.raises(SourceFault) as caught:
        await awaitable
    return caught.value


async def test_nobody_there_is_the_destinations_fault(opened, unused_tcp_port):
    source = opened("source", port=unused_tcp_port)
    assert (await fault_of(offers_of(source))).code == "refused"
    assert (await source.check()).probes[-1].name == "tcp"
    source = opened("source", host="no-such-host.invalid")
    assert (await fault_of(offers_of(source))).code == "dns"


async def test_a_server_that_is_no_ssh_server_and_a_silent_one(opened, serving):
    async def http(_partner, _reader, writer):
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async def silent(_partner, reader, _writer):
        await reader.read()

    for talk in (http, silent):
        async with serving(talk) as partner:
            source = opened("source", port=partner.port, connect_seconds=0.5)
            fault = await fault_of(offers_of(source))
            assert fault.failure is Failure.DESTINATION
            await source.close()


async def test_a_connection_cut_during_a_fetch_is_never_a_short_file(opened, proxy, remote):
    (remote / "a.bin").write_bytes(os.urandom(3_000_000))
    source = opened("source", port=proxy.port)
    [offer] = await offers_of(source)
    for cut_at in (5_000, 200_000, 1_500_000, 2_900_000):
        proxy.cut_after_down = proxy.down + cut_at
        fault = await fault_of(content_of(source, offer))
        assert (fault.failure, fault.code) == (Failure.DESTINATION, "connection_lost")
    proxy.cut_after_down = None
    assert await content_of(source, offer) == (remote / "a.bin").read_bytes()


async def test_a_connection_cut_during_a_listing_is_a_fault_and_not_a_short_listing(
    opened, proxy, remote
):
    for number in range(400):
        (remote / f"{number:04}-{'x' * 100}.835").touch()
    source = opened("source", port=proxy.port)
    assert len(await offers_of(source)) == 400
    proxy.cut_after_down = proxy.down + 30_000
    assert (await fault_of(offers_of(source))).code == "connection_lost"
    proxy.cut_after_down = None
    assert len(await offers_of(source)) == 400


async def test_no_log_and_no_fault_shows_a_file_name_or_a_content(opened, proxy, remote, caplog):
    caplog.set_level("DEBUG")
    (remote / "CANARY-Doe.835").write_bytes(b"CANARY" * 100_000)
    source = opened("source", port=proxy.port)
    [offer] = await offers_of(source)
    assert "CANARY" not in offer.fingerprint
    proxy.cut_after_down = proxy.down + 100_000
    fault = await fault_of(content_of(source, offer))
    proxy.cut_after_down = None
    sink = opened("sink", port=proxy.port)
    document = Document(contract="c", raw=b"CANARY", name="CANARY-Doe.835")
    outcome = await sink.deliver(opened.call(), document)
    shown = f"{fault} {fault!r} {fault.__context__!r} {outcome!r} {caplog.text}"
    assert "CANARY" not in shown
    assert "name_taken" in shown


async def test_a_connection_that_died_while_idle_is_replaced(opened, proxy, remote):
    source = opened("source", port=proxy.port)
    await offers_of(source)
    proxy.cut()
    await asyncio.sleep(0.3)
    assert await offers_of(source) == []


async def test_a_server_that_falls_silent_ends_with_a_timeout(opened, proxy, remote):
    (remote / "a.bin").write_bytes(os.urandom(500_000))
    source = opened("source", port=proxy.port, io_seconds=0.5)
    [offer] = await offers_of(source)
    proxy.stall_down = True
    fault = await fault_of(content_of(source, offer))
    assert (fault.failure, fault.code) == (Failure.DESTINATION, "timeout")
    assert not any(slot.idle for slot in source._endpoint._pool._slots)
    proxy.stall_down = False
    assert len(await content_of(source, offer)) == 500_000


async def test_a_delivery_past_its_deadline_ends_in_time_and_writes_no_name(opened, proxy, remote):
    sink = opened("sink", port=proxy.port)
    assert isinstance(await sink.deliver(opened.call(), DOCUMENT), Delivered)
    other = Document(contract="c", raw=b"y" * 50, name="b.835")
    proxy.stall_down = True
    started = asyncio.get_running_loop().time()
    outcome = await sink.deliver(opened.call(seconds=0.4), other)
    assert asyncio.get_running_loop().time() - started < 1.4
    assert outcome == Failed(failure=Failure.DESTINATION, code="deadline")
    proxy.stall_down = False
    await asyncio.sleep(0.3)
    assert not (remote / "b.835").exists()
    assert isinstance(await sink.deliver(opened.call(), other), Delivered)


async def test_a_placing_that_was_given_up_is_never_renamed(opened, remote):
    sink = opened("sink")
    placing = Placing()
    assert placing.abandon() is False
    with pytest.raises(SftpFault):
        await sink._place("a.835", "k", b"x", placing)
    assert list(remote.iterdir()) == []


async def test_giving_up_after_the_rename_was_sent_says_so():
    placing = Placing()
    assert placing.begin_rename() is True
    assert placing.abandon() is True
    assert placing.begin_rename() is False
