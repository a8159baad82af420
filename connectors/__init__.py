"""How to reach other systems. Nothing here imports the hub.

A connector is a folder with a `CONNECTOR` (`connectors.base.ConnectorSpec`) in its `__init__`;
there is no list of them: folders are discovered.
"""

import importlib
import pkgutil
from functools import lru_cache

from connectors.base import ConnectorSpec

__all__ = ["find", "names"]

_NO_CONNECTORS = frozenset({"conformance"})
"""Packages here that test connectors and are none."""


def names() -> list[str]:
    """Return the names of all connectors that are here, sorted."""
    return list(_discovered())


@lru_cache(maxsize=1)
def _discovered() -> tuple[str, ...]:
    """Look once: a folder that comes while the hub runs is not loaded before its next start."""
    packages = {module.name for module in pkgutil.iter_modules(__path__) if module.ispkg}
    return tuple(sorted(packages - _NO_CONNECTORS))


def find(name: str) -> ConnectorSpec:
    """Return the connector of that name. Raises KeyError where there is no such folder."""
    if name not in _discovered():
        raise KeyError(name)
    spec: ConnectorSpec = importlib.import_module(f"connectors.{name}").CONNECTOR
    return spec
