"""The folder connector passes the conformance kit."""

from contextlib import asynccontextmanager

import pytest

from connectors.conformance import FileSinkConformance, FileSourceConformance
from connectors.folder import CONNECTOR
from tests.connectors.file_partners import Drop, Feed, wrong_folder


def opener(kind, tmp_path_factory):
    @asynccontextmanager
    async def open_partner():
        folder = tmp_path_factory.mktemp("partner") / "files"
        folder.mkdir()
        yield kind(folder, {}, wrong=[wrong_folder("folder")])

    return open_partner


class TestTheFolderSource(FileSourceConformance):
    connector = CONNECTOR

    @pytest.fixture
    def partner(self, tmp_path_factory):
        return opener(Feed, tmp_path_factory)


class TestTheFolderSink(FileSinkConformance):
    connector = CONNECTOR

    @pytest.fixture
    def partner(self, tmp_path_factory):
        return opener(Drop, tmp_path_factory)
