"""The clearinghouse is a real SSH server, and each of its knobs does what it says."""

import contextlib
import io
import socket
import stat
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import paramiko
import pytest

from gateway.errors import UsageFault
from gateway.simulators.access import SftpAccess
from gateway.simulators.clearinghouse import Clearinghouse
from gateway.simulators.faults import Fault, FaultKind

Connect = Callable[..., paramiko.SFTPClient]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Clearinghouse]:
    with Clearinghouse(tmp_path / "tree") as running:
        yield running


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Connect as any client would: `connect(house, password=...)`."""
    with contextlib.ExitStack() as stack:

        def open_client(
            house: Clearinghouse, password: str | None = None, key: paramiko.PKey | None = None
        ) -> paramiko.SFTPClient:
            transport = paramiko.Transport(("127.0.0.1", house.port))
            stack.callback(transport.join, 5)
            stack.callback(transport.close)
            transport.set_log_channel("tests.quiet")
            given = None if key else house.access.password if password is None else password
            transport.connect(username=house.access.user, password=given or "", pkey=key)
            client = paramiko.SFTPClient.from_transport(transport)
            assert client
            return client

        yield open_client


def read(client: paramiko.SFTPClient, path: str) -> bytes:
    target = io.BytesIO()
    client.getfo(path, target, prefetch=False)
    return target.getvalue()


def test_a_file_is_listed_read_and_moved_away(house: Clearinghouse, connect: Connect) -> None:
    house.put("morning.835", b"ISA*00*")
    client = connect(house)
    listed = client.listdir_attr("/outbound")
    assert {entry.filename for entry in listed} == {"done", "morning.835"}
    assert client.stat("/outbound/morning.835").st_size == 7
    assert read(client, "/outbound/morning.835") == b"ISA*00*"
    client.posix_rename("/outbound/morning.835", "/outbound/done/morning.835")
    assert (house.waiting(), house.archived()) == ([], ["morning.835"])


def test_a_file_of_megabytes_arrives_whole(house: Clearinghouse, connect: Connect) -> None:
    data = bytes(range(256)) * 12_000
    house.put("big.835", (data[i : i + 100_000] for i in range(0, len(data), 100_000)))
    target = io.BytesIO()
    connect(house).getfo("/outbound/big.835", target, max_concurrent_prefetch_requests=128)
    assert target.getvalue() == data


def test_what_is_put_back_lies_in_inbound(house: Clearinghouse, connect: Connect) -> None:
    client = connect(house)
    client.putfo(io.BytesIO(b"x" * 70_000), "/inbound/ack.999.part", confirm=True)
    client.posix_rename("/inbound/ack.999.part", "/inbound/ack.999")
    assert (house.root / "inbound" / "ack.999").read_bytes() == b"x" * 70_000


def test_a_plain_rename_does_not_overwrite(house: Clearinghouse, connect: Connect) -> None:
    house.put("a", b"1")
    house.put("b", b"2")
    client = connect(house)
    with pytest.raises(OSError, match="Failure"):
        client.rename("/outbound/a", "/outbound/b")
    assert house.waiting() == ["a", "b"]


def test_folders_are_made_and_removed(house: Clearinghouse, connect: Connect) -> None:
    client = connect(house)
    client.mkdir("/outbound/done/2026-04-01")
    assert stat.S_ISDIR(client.stat("/outbound/done/2026-04-01").st_mode or 0)
    client.rmdir("/outbound/done/2026-04-01")
    with pytest.raises(FileNotFoundError):
        client.stat("/outbound/done/2026-04-01")


def test_nothing_leads_out_of_the_tree(
    house: Clearinghouse, connect: Connect, tmp_path: Path
) -> None:
    (tmp_path / "outside").write_text("not yours")
    (house.outbound / "link").symlink_to(tmp_path / "outside")
    client = connect(house)
    for path in ("/../outside", "../../outside", "/outbound/../../outside"):
        with pytest.raises(FileNotFoundError):
            client.open(path)
    with pytest.raises(PermissionError):
        client.open("/outbound/link")


def test_a_wrong_password_or_user_is_refused(house: Clearinghouse, connect: Connect) -> None:
    with pytest.raises(paramiko.AuthenticationException):
        connect(house, password="guess")
    assert house.logins_refused == 1


def test_each_house_without_credentials_makes_its_own_password(tmp_path: Path) -> None:
    first, second = Clearinghouse(tmp_path / "a"), Clearinghouse(tmp_path / "b")
    assert first.access.password != second.access.password
    assert first.access.password not in repr(first.access)


def test_a_key_opens_where_it_is_authorized(tmp_path: Path, connect: Connect) -> None:
    key, other = paramiko.ECDSAKey.generate(), paramiko.ECDSAKey.generate()
    line = f"{key.get_name()} {key.get_base64()} hub@hilltop"
    with Clearinghouse(tmp_path, access=SftpAccess(authorized_key=line)) as house:
        assert sorted(connect(house, key=key).listdir("/")) == ["inbound", "outbound"]
        with pytest.raises(paramiko.AuthenticationException):
            connect(house, key=other)
        with pytest.raises(paramiko.BadAuthenticationType):
            connect(house, password="")


def test_the_fault_bad_credentials_refuses_the_right_password(
    house: Clearinghouse, connect: Connect
) -> None:
    house.faults.set(Fault(kind=FaultKind.BAD_CREDENTIALS, count=1))
    with pytest.raises(paramiko.AuthenticationException):
        connect(house)
    assert connect(house).listdir("/outbound") == ["done"]


def test_the_pinned_line_is_the_key_that_is_shown(house: Clearinghouse) -> None:
    assert shown_key(house) == house.host_key_line
    assert house.host_key_line.startswith("ssh-ed25519 AAAA")


def test_a_changed_host_key_shows_on_the_next_connection(house: Clearinghouse) -> None:
    pinned = house.host_key_line
    house.change_host_key()
    assert shown_key(house) == house.host_key_line
    assert house.host_key_line != pinned


def shown_key(house: Clearinghouse) -> str:
    with paramiko.Transport(("127.0.0.1", house.port)) as transport:
        transport.start_client(timeout=10)
        key = transport.get_remote_server_key()
        transport.close()
        transport.join(5)
    return f"{key.get_name()} {key.get_base64()}"


def test_a_connection_dropped_in_mid_file_never_gives_the_whole_file(
    house: Clearinghouse, connect: Connect
) -> None:
    house.put("big.835", b"x" * 400_000)
    house.faults.set(Fault(kind=FaultKind.DROP_MID_FILE, after_bytes=100_000, count=1))
    got = io.BytesIO()
    with pytest.raises((paramiko.SSHException, EOFError, OSError)):
        connect(house).getfo("/outbound/big.835", got, prefetch=False)
    assert 0 < len(got.getvalue()) <= 100_000
    assert len(read(connect(house), "/outbound/big.835")) == 400_000


def test_a_file_shorter_than_the_drop_arrives(house: Clearinghouse, connect: Connect) -> None:
    house.put("small.835", b"x" * 100)
    house.faults.set(Fault(kind=FaultKind.DROP_MID_FILE, after_bytes=100, count=1))
    assert len(read(connect(house), "/outbound/small.835")) == 100
    assert len(house.faults.active()) == 1


def test_a_growing_file_is_listed_with_the_size_it_has(
    house: Clearinghouse, connect: Connect
) -> None:
    client = connect(house)
    house.grow("slow.835", b"ISA")
    assert client.stat("/outbound/slow.835").st_size == 3
    house.grow("slow.835", b"*00*")
    assert client.stat("/outbound/slow.835").st_size == 7


def test_a_put_file_never_shows_under_its_name_before_it_is_whole(
    house: Clearinghouse, connect: Connect
) -> None:
    client = connect(house)
    seen: list[list[str]] = []

    def blocks() -> Iterator[bytes]:
        yield b"ISA"
        seen.append(sorted(client.listdir("/outbound")))
        yield b"*00*"

    house.put("whole.835", blocks())
    assert seen == [["done", "whole.835.part"]]
    assert house.waiting() == ["whole.835"]


def test_a_slow_server_waits_before_each_operation(house: Clearinghouse, connect: Connect) -> None:
    client = connect(house)
    channel = client.get_channel()
    assert channel
    channel.settimeout(0.2)
    house.faults.set(Fault(kind=FaultKind.SLOW, count=1, delay_seconds=60))
    with pytest.raises(TimeoutError):
        client.stat("/outbound")


def test_the_fault_down_hangs_up_before_the_banner(house: Clearinghouse) -> None:
    house.faults.set(Fault(kind=FaultKind.DOWN, count=1))
    assert [greeting(house), greeting(house)] == [b"", b"SSH-2.0-"]


def greeting(house: Clearinghouse) -> bytes:
    """Return the first bytes a client sees; none where the reset overtakes them."""
    try:
        with socket.create_connection(("127.0.0.1", house.port), timeout=10) as plain:
            return plain.recv(8)
    except ConnectionResetError:
        return b""


def test_a_stopped_house_refuses_and_comes_back_as_it_was(
    house: Clearinghouse, connect: Connect
) -> None:
    client, port, line = connect(house), house.port, house.host_key_line
    house.put("morning.835", b"ISA")
    house.stop()
    with pytest.raises((paramiko.SSHException, OSError, EOFError)):
        client.listdir("/outbound")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)
    house.start()
    assert (house.port, house.host_key_line) == (port, line)
    assert read(connect(house), "/outbound/morning.835") == b"ISA"


def test_stopping_leaves_no_thread_and_no_socket(tmp_path: Path, connect: Connect) -> None:
    before = threading.active_count()
    for round_number in range(5):
        with Clearinghouse(tmp_path / str(round_number)) as house:
            client = connect(house)
            client.listdir("/")
            channel = client.get_channel()
            assert channel
            transport = channel.get_transport()
            transport.close()
            transport.join(5)
    assert threading.active_count() <= before + 1


def test_a_connection_that_lives_long_keeps_no_channel(
    house: Clearinghouse, connect: Connect
) -> None:
    channel = connect(house).get_channel()
    assert channel
    for _ in range(20):
        client = channel.get_transport().open_sftp_client()
        assert client
        assert client.listdir("/outbound") == ["done"]
        client.close()
    (connection,) = house._connections
    assert connection._transport.server_accepts == []


def test_a_fault_of_the_http_partners_is_refused(house: Clearinghouse) -> None:
    with pytest.raises(UsageFault):
        house.faults.set(Fault(kind=FaultKind.HTML_500))


def test_the_openssh_client_gets_a_file(
    tmp_path: Path, require_program: Callable[[str], str]
) -> None:
    sftp, keygen = require_program("sftp"), require_program("ssh-keygen")
    key = tmp_path / "key"
    subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    access = SftpAccess(authorized_key=key.with_suffix(".pub").read_text())
    with Clearinghouse(tmp_path / "tree", access=access) as house:
        house.put("morning.835", b"ISA*00*")
        hosts = tmp_path / "hosts"
        hosts.write_text(f"[127.0.0.1]:{house.port} {house.host_key_line}\n")
        options = {
            "UserKnownHostsFile": str(hosts),
            "StrictHostKeyChecking": "yes",
            "IdentitiesOnly": "yes",
            "BatchMode": "yes",
        }
        arguments = [part for name, text in options.items() for part in ("-o", f"{name}={text}")]
        subprocess.run(
            [
                *(sftp, "-F", "none", "-q", "-P", str(house.port), "-i", key, *arguments),
                *("remithub@127.0.0.1:/outbound/morning.835", tmp_path / "got"),
            ],
            check=True,
            capture_output=True,
            timeout=20,
        )
    assert (tmp_path / "got").read_bytes() == b"ISA*00*"
