"""The sftp connector passes the conformance kit, at a real OpenSSH server behind a proxy."""

from contextlib import asynccontextmanager

import pytest

from connectors.conformance import FileSinkConformance, FileSourceConformance, Wrong
from connectors.sftp import CONNECTOR
from gateway.simulators.tcp_proxy import TcpProxy
from tests.connectors.file_partners import Drop, Feed, wrong_folder

CLOSED_PORT = 9


@pytest.fixture
def opener(sshd, make_key, tmp_path_factory):
    other = make_key("other")

    def opener_of(kind):
        @asynccontextmanager
        async def open_partner():
            folder = tmp_path_factory.mktemp("partner") / "files"
            folder.mkdir()
            wrong = [
                wrong_folder("permission"),
                Wrong(probe="dns", settings={"host": "no-such-host.invalid"}),
                Wrong(probe="tcp", settings={"port": CLOSED_PORT}),
                Wrong(probe="host_key", settings={"host_keys": [other.public]}),
                Wrong(probe="auth", secrets={"KEY": other.private}),
            ]
            async with TcpProxy("127.0.0.1", sshd.port) as proxy:
                settings = {**sshd.settings(folder), "port": proxy.port}
                partner = kind(folder, settings, {"KEY": sshd.user_key.private}, wrong)
                partner.proxy = proxy
                yield partner

        return open_partner

    return opener_of


class TestTheSftpSource(FileSourceConformance):
    connector = CONNECTOR

    @pytest.fixture
    def partner(self, opener):
        return opener(Feed)


class TestTheSftpSink(FileSinkConformance):
    connector = CONNECTOR

    @pytest.fixture
    def partner(self, opener):
        return opener(Drop)
