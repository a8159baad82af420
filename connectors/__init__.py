"""How to reach other systems. Nothing here imports the hub.

A connector is a folder with a `CONNECTOR` (`connectors.base.ConnectorSpec`) in its `__init__`;
there is no list of them: folders are discovered.
"""

import importlib
import pkgutil

from connectors.base import ConnectorSpec

__all__ = ["find", "names"]

_NO_CONNECTORS = frozenset({"conformance"})
"""Packages here that test connectors and are none."""


def names() -> list[str]:
    """Return the names of all connectors that are here, sorted."""
    packages = {module.name for module in pkgutil.iter_modules(__path__) if module.ispkg}
    return sorted(packages - _NO_CONNECTORS)


def find(name: str) -> ConnectorSpec:
    """Return the connector of that name. Raises KeyError where there is no such folder."""
    if name not in names():
        raise KeyError(name)
    spec: ConnectorSpec = importlib.import_module(f"connectors.{name}").CONNECTOR
    return spec
