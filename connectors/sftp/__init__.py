"""A folder on an SFTP server: files are taken from it, or documents put into it."""

from importlib import resources

from connectors.base import ConnectorSpec, Context, Sink, Source
from connectors.sftp.settings import Settings

__all__ = ["CONNECTOR", "Settings"]


def _source(settings: Settings, context: Context) -> Source:
    from connectors.sftp.source import SftpSource  # paramiko is loaded when first needed

    return SftpSource(settings, context)


def _sink(settings: Settings, context: Context) -> Sink:
    from connectors.sftp.sink import SftpSink  # paramiko is loaded when first needed

    return SftpSink(settings, context)


CONNECTOR = ConnectorSpec(
    name="sftp",
    settings=Settings,
    source=_source,
    sink=_sink,
    samples={
        path.name: path.read_text(encoding="utf-8")
        for path in sorted(
            resources.files(__name__).joinpath("samples").iterdir(), key=lambda p: p.name
        )
        if path.name.endswith(".yaml")
    },
)
