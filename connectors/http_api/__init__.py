"""Any system with an HTTP API, declared in YAML: requests, error classes, lookup, result."""

from importlib import resources

from connectors.base import ConnectorSpec
from connectors.http_api.settings import Settings
from connectors.http_api.sink import HttpApiSink

__all__ = ["CONNECTOR", "HttpApiSink", "Settings"]

CONNECTOR = ConnectorSpec(
    name="http_api",
    settings=Settings,
    sink=HttpApiSink,
    samples={
        path.name: path.read_text(encoding="utf-8")
        for path in sorted(
            resources.files(__name__).joinpath("samples").iterdir(), key=lambda p: p.name
        )
        if path.name.endswith(".yaml")
    },
)
