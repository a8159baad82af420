"""SFTP under faults: what a broken server, network or key makes of each operation."""

import asyncio
import contextlib
import os
import socket
from pathlib import Path

import asyncssh
import msgspec
import pytest

from connectors.base import (
    Absent,
    Call,
    Delivered,
    Document,
    Failed,
    Failure,
    Found,
    SourceFault,
    Undecidable,
    Unknown,
    Verdict,
)
from connectors.sftp import CONNECTOR, Settings
from connectors.sftp.faults import SftpFault
from connectors.sftp.remote import Placing

DOCUMENT = Document(contract="c", raw=b"x" * 100_000, name="a.835")


class Proxy:
    """A byte-level TCP proxy that can cut, stall or swallow."""

    def __init__(self, port: int) -> None:
        self._target = port
        self.port = 0
        self.cut_after_down: int | None = None
        self.stall_down = False
        self.down = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    async def serve(self, reader, writer):
        task = asyncio.current_task()
        self._tasks.add(task)
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        self._writers |= {writer, far_writer}
        try:
            await asyncio.gather(
                self._pump(reader, far_writer, down=False),
                self._pump(far_reader, writer, down=True),
            )
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            far_writer.close()
            self._tasks.discard(task)

    async def _pump(self, reader, writer, *, down):
        while data := await reader.read(65536):
            if down:
                self.down += len(data)
                if self.cut_after_down is not None and self.down > self.cut_after_down:
                    self.cut()
                    return
                while self.stall_down:
                    await asyncio.sleep(0.02)
            writer.write(data)
            await writer.drain()
        writer.close()

    def cut(self):
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    def stop(self):
        self.cut()
        for task in list(self._tasks):
            task.cancel()


@pytest.fixture
async def proxy(sshd):
    made = Proxy(sshd.port)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    server.close()
    made.stop()
    await server.wait_closed()


@pytest.fixture
def remote(tmp_path):
    folder = tmp_path / "remote"
    folder.mkdir()
    return folder


@pytest.fixture
async def opened(sshd, make_context, remote):
    """`opened(source|sink, **settings)`; everything is closed at the end."""
    made = []
    context = make_context(KEY=sshd.user_key.private, OTHER="no key at all", PASS="wrong")

    def open_part(kind, **more):
        settings = sshd.settings(remote, **{"settle_seconds": 0, "io_seconds": 2, **more})
        part = getattr(CONNECTOR, kind)(msgspec.convert(settings, Settings), context)
        made.append(part)
        return part

    open_part.call = lambda seconds=10.0: Call(
        key="k", attempt=1, deadline=context.clock.monotonic() + seconds
    )
    yield open_part
    for part in made:
        await part.close()


async def offers_of(source):
    return [offer async for offer in source.discover()]


async def content_of(source, offer):
    return b"".join([block async for block in source.fetch(offer)])


async def fault_of(awaitable) -> SourceFault:
    with pytest.raises(SourceFault) as caught:
        await awaitable
    return caught.value


async def test_a_changed_host_key_pauses_the_destination_and_no_credential_leaves(
    opened, make_key, sshd
):
    logged_in = (sshd.folder / "log").read_text().count("Accepted")
    source = opened("source", host_keys=[make_key("other").public])
    fault = await fault_of(offers_of(source))
    assert (fault.failure, fault.code) == (Failure.CREDENTIAL, "host_key_changed")
    assert fault.detail.count("SHA256:") == 2
    assert (sshd.folder / "log").read_text().count("Accepted") == logged_in
    report = await source.check()
    assert report.probes[-1].name == "host_key"


async def test_two_pinned_keys_allow_a_rollover(opened, make_key, sshd):
    keys = [make_key("next").public, sshd.host_key.public]
    assert await offers_of(opened("source", host_keys=keys)) == []


async def test_a_key_kind_the_server_does_not_have_is_the_credentials_fault(opened):
    rsa = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQC7"
    fault = await fault_of(offers_of(opened("source", host_keys=[rsa])))
    assert (fault.failure, fault.code) == (Failure.CREDENTIAL, "no_common_algorithm")


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"user": "nobody-at-all"}, "auth_refused"),
        ({"private_key": "${secret:OTHER}"}, "private_key_unreadable"),
        ({"private_key": "", "password": "${secret:PASS}"}, "auth_kind_refused"),
    ],
)
async def test_who_is_not_let_in_pauses_the_destination(opened, more, code):
    source = opened("source", **more)
    fault = await fault_of(offers_of(source))
    assert (fault.failure, fault.code) == (Failure.CREDENTIAL, code)
    assert (await source.check()).probes[-1].name == "auth"
    outcome = await opened("sink", **more).deliver(opened.call(), DOCUMENT)
    assert (outcome.failure, outcome.code) == (Failure.CREDENTIAL, code)


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


# A server of our own whose single operations can fail.


class Faults:
    """What goes wrong next; the two hooks are awaited around every rename."""

    def __init__(self):
        self.before_rename = self.after_rename = self.nothing
        self.write_limit: int | None = None
        self.grow_on_read = False
        self.deny_reading = False

    async def nothing(self):
        """Let the rename be."""


def _server_class(faults, root):
    class Server(asyncssh.SFTPServer):
        def __init__(self, chan):
            super().__init__(chan, chroot=os.fsencode(root))

        async def posix_rename(self, oldpath, newpath):
            await faults.before_rename()
            super().posix_rename(oldpath, newpath)
            await faults.after_rename()

        def write(self, file_obj, offset, data):
            if faults.write_limit is not None and offset >= faults.write_limit:
                raise asyncssh.SFTPFailure("disk full")
            return super().write(file_obj, offset, data)

        def read(self, file_obj, offset, size):
            if faults.deny_reading:
                raise asyncssh.SFTPPermissionDenied("no")
            if faults.grow_on_read:
                with Path(os.fsdecode(file_obj.name)).open("ab") as more:
                    more.write(b"more")
            return super().read(file_obj, offset, size)

    return Server


class _Accept(asyncssh.SSHServer):
    def __init__(self, connections):
        self._connections = connections

    def connection_made(self, conn):
        self._connections.append(conn)

    def begin_auth(self, username):
        return True

    def password_auth_supported(self):
        return True

    async def validate_password(self, username, password):
        if password == "slow":
            await asyncio.sleep(1.5)
        return password == "right"


@pytest.fixture
async def faulty(tmp_path, make_context):
    """A server with faults, and `open(kind)` for connectors that talk to it."""
    root = tmp_path / "root"
    (root / "out").mkdir(parents=True)
    faults = Faults()
    connections = []
    host_key = asyncssh.generate_private_key("ssh-ed25519")
    server = await asyncssh.create_server(
        lambda: _Accept(connections),
        "127.0.0.1",
        0,
        server_host_keys=[host_key],
        sftp_factory=_server_class(faults, root),
    )
    context = make_context(GOOD="right", BAD="wrong", SLOW="slow")
    made = []

    def open_part(kind, **more):
        settings = {
            "host": "127.0.0.1",
            "port": server.get_port(),
            "user": "u",
            "password": "${secret:GOOD}",
            "host_keys": [host_key.export_public_key().decode().strip()],
            "path": "/out",
            "settle_seconds": 0,
            "io_seconds": 2,
            **more,
        }
        part = getattr(CONNECTOR, kind)(msgspec.convert(settings, Settings), context)
        made.append(part)
        return part

    faults.open = open_part
    faults.folder = root / "out"

    async def cut():
        for conn in connections:
            conn.abort()

    faults.cut = cut
    faults.call = lambda seconds=10.0: Call(
        key="k", attempt=1, deadline=context.clock.monotonic() + seconds
    )
    yield faults
    for part in made:
        await part.close()
    server.close()
    await server.wait_closed()
    for conn in connections:
        with contextlib.suppress(OSError, asyncssh.Error):
            await conn.wait_closed()


async def test_a_password_lets_in_and_a_wrong_one_pauses(faulty):
    assert await offers_of(faulty.open("source")) == []
    fault = await fault_of(offers_of(faulty.open("source", password="${secret:BAD}")))
    assert (fault.failure, fault.code) == (Failure.CREDENTIAL, "auth_refused")


async def test_a_server_that_falls_silent_at_the_login_does_not_pause(faulty):
    source = faulty.open("source", password="${secret:SLOW}", connect_seconds=0.4)
    fault = await fault_of(offers_of(source))
    assert (fault.failure, fault.code) == (Failure.DESTINATION, "auth_interrupted")


async def test_a_rename_whose_answer_is_lost_is_unknown_and_the_lookup_finds_it(faulty):
    sink = faulty.open("sink")
    faulty.after_rename = faulty.cut
    outcome = await sink.deliver(faulty.call(), DOCUMENT)
    assert outcome == Unknown(code="connection_lost")
    faulty.after_rename = faulty.nothing
    assert await sink.lookup(faulty.call(), DOCUMENT) == Found(external_id="a.835")
    again = await sink.deliver(faulty.call(), DOCUMENT)
    assert again == Delivered(external_id="a.835", duplicate=True)


async def test_a_rename_that_never_happened_is_unknown_and_the_lookup_says_absent(faulty):
    async def cut():
        await faulty.cut()
        raise asyncssh.SFTPFailure("never")

    sink = faulty.open("sink")
    faulty.before_rename = cut
    outcome = await sink.deliver(faulty.call(), DOCUMENT)
    assert outcome == Unknown(code="connection_lost")
    faulty.before_rename = faulty.nothing
    assert await sink.lookup(faulty.call(), DOCUMENT) == Absent()
    assert isinstance(await sink.deliver(faulty.call(), DOCUMENT), Delivered)


async def test_a_rename_the_server_refuses_is_definite_and_leaves_nothing(faulty):
    async def refuse():
        raise asyncssh.SFTPPermissionDenied("no")

    sink = faulty.open("sink")
    faulty.before_rename = refuse
    outcome = await sink.deliver(faulty.call(), DOCUMENT)
    assert isinstance(outcome, Failed)
    assert outcome.code == "permission"
    assert list(faulty.folder.iterdir()) == []


async def test_a_full_disk_is_definite_and_no_short_file_gets_its_name(faulty):
    sink = faulty.open("sink")
    faulty.write_limit = 32_768
    outcome = await sink.deliver(faulty.call(), DOCUMENT)
    assert outcome == Failed(failure=Failure.DESTINATION, code="refused_by_server")
    assert list(faulty.folder.iterdir()) == []
    faulty.write_limit = None
    assert isinstance(await sink.deliver(faulty.call(), DOCUMENT), Delivered)


async def test_a_deadline_during_the_rename_is_unknown(faulty):
    async def hang():
        await asyncio.sleep(1)

    sink = faulty.open("sink")
    faulty.before_rename = hang
    outcome = await sink.deliver(faulty.call(seconds=0.5), DOCUMENT)
    assert outcome == Unknown(code="deadline")


async def test_a_file_that_grows_while_it_is_read_is_never_taken_short(faulty):
    (faulty.folder / "a.835").write_bytes(b"x" * 100_000)
    source = faulty.open("source")
    [offer] = await offers_of(source)
    faulty.grow_on_read = True
    assert (await fault_of(content_of(source, offer))).code == "changed"


async def test_one_file_that_is_closed_to_us_does_not_pause_the_feed(faulty):
    (faulty.folder / "a.835").write_bytes(b"x" * 100)
    source = faulty.open("source")
    [offer] = await offers_of(source)
    faulty.deny_reading = True
    fault = await fault_of(content_of(source, offer))
    assert (fault.failure, fault.code) == (Failure.DESTINATION, "file_unreadable")
    faulty.deny_reading = False
    assert await content_of(source, offer) == b"x" * 100


async def test_an_archive_that_cannot_be_made_is_a_fault_and_the_file_stays(faulty):
    (faulty.folder / "a.835").write_bytes(b"x")
    source = faulty.open("source", archive_folder="/nowhere/deep")
    [offer] = await offers_of(source)
    fault = await fault_of(source.settle(offer, Verdict.ACCEPTED))
    assert fault.failure is Failure.DESTINATION
    assert (faulty.folder / "a.835").exists()


async def test_a_lost_connection_makes_a_lookup_undecidable(faulty):
    sink = faulty.open("sink")
    await sink.deliver(faulty.call(), DOCUMENT)
    await faulty.cut()
    await asyncio.sleep(0.2)
    answers = [await sink.lookup(faulty.call(), DOCUMENT) for _ in range(2)]
    assert isinstance(answers[-1], Found)
    assert all(isinstance(answer, (Found, Undecidable)) for answer in answers)


async def test_settings_that_cannot_work_are_refused_when_opened(opened):
    with pytest.raises(ValueError, match="host_keys"):
        opened("source", host_keys=["ssh-ed25519 AAAA"])
    with pytest.raises(ValueError, match="neither"):
        opened("source", private_key="")
    with pytest.raises(KeyError, match="MISSING"):
        opened("source", private_key="${secret:MISSING}")


async def test_weak_algorithms_are_refused_unless_asked_for(tmp_path, make_context):
    host_key = asyncssh.generate_private_key("ssh-ed25519")
    connections = []
    server = await asyncssh.create_server(
        lambda: _Accept(connections),
        "127.0.0.1",
        0,
        server_host_keys=[host_key],
        encryption_algs=["aes256-cbc"],
        mac_algs=["hmac-sha1"],
        sftp_factory=lambda chan: asyncssh.SFTPServer(chan, chroot=os.fsencode(tmp_path)),
    )
    context = make_context(GOOD="right")
    settings = {
        "host": "127.0.0.1",
        "port": server.get_port(),
        "user": "u",
        "password": "${secret:GOOD}",
        "host_keys": [host_key.export_public_key().decode().strip()],
        "path": "/",
    }
    modern = CONNECTOR.source(msgspec.convert(settings, Settings), context)
    assert (await fault_of(offers_of(modern))).code == "no_common_algorithm"
    await modern.close()
    settings["algorithms"] = "compatible"
    compatible = CONNECTOR.source(msgspec.convert(settings, Settings), context)
    assert await offers_of(compatible) == []
    await compatible.close()
    server.close()
    await server.wait_closed()
    for conn in connections:
        with contextlib.suppress(OSError, asyncssh.Error):
            await conn.wait_closed()


async def test_nagle_is_off_on_the_socket(opened, remote):
    source = opened("source")
    await offers_of(source)
    [slot] = [slot for slot in source._endpoint._pool._slots if slot.transport]
    assert slot.transport.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
