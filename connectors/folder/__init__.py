"""A local folder: files are taken from it, or documents put into it."""

from importlib import resources

from connectors.base import ConnectorSpec
from connectors.folder.settings import Settings
from connectors.folder.sink import FolderSink
from connectors.folder.source import FolderSource

__all__ = ["CONNECTOR", "FolderSink", "FolderSource", "Settings"]

CONNECTOR = ConnectorSpec(
    name="folder",
    settings=Settings,
    source=FolderSource,
    sink=FolderSink,
    samples={
        path.name: path.read_text(encoding="utf-8")
        for path in sorted(
            resources.files(__name__).joinpath("samples").iterdir(), key=lambda p: p.name
        )
        if path.name.endswith(".yaml")
    },
)
