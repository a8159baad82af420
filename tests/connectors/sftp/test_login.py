"""Host keys, algorithms and credentials of SFTP."""

import contextlib
import os
import socket

import asyncssh
import msgspec
import pytest

from connectors.base import (
    Document,
    Failure,
    SourceFault,
)
from connectors.sftp import CONNECTOR, Settings

DOCUMENT = Document(contract="c", raw=b"x" * 100_000, name="a.835")


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


async def test_a_password_lets_in_and_a_wrong_one_pauses(faulty):
    assert await offers_of(faulty.open("source")) == []
    fault = await fault_of(offers_of(faulty.open("source", password="${secret:BAD}")))
    assert (fault.failure, fault.code) == (Failure.CREDENTIAL, "auth_refused")


async def test_a_server_that_falls_silent_at_the_login_does_not_pause(faulty):
    source = faulty.open("source", password="${secret:SLOW}", connect_seconds=0.4)
    fault = await fault_of(offers_of(source))
    assert (fault.failure, fault.code) == (Failure.DESTINATION, "auth_interrupted")


async def test_settings_that_cannot_work_are_refused_when_opened(opened):
    with pytest.raises(ValueError, match="host_keys"):
        opened("source", host_keys=["ssh-ed25519 AAAA"])
    with pytest.raises(ValueError, match="neither"):
        opened("source", private_key="")
    with pytest.raises(KeyError, match="MISSING"):
        opened("source", private_key="${secret:MISSING}")


async def test_weak_algorithms_are_refused_unless_asked_for(accept, tmp_path, make_context):
    host_key = asyncssh.generate_private_key("ssh-ed25519")
    connections = []
    server = await asyncssh.create_server(
        lambda: accept(connections),
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
