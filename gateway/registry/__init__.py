"""Finds contracts and mappings by name and version, and reads their files; compiles nothing.

A root is a folder with `contracts/` and `mappings/` in it: the repository, the starter copy in
the wheel, or a site's own folder. Later roots add to earlier ones.
"""

from gateway.registry.find import COMMON, Registry, starter_root
from gateway.registry.sources import (
    ContractHeader,
    ContractIndex,
    ContractVersion,
    MappingSource,
    SchemaReference,
    Version,
)

__all__ = [
    "COMMON",
    "ContractHeader",
    "ContractIndex",
    "ContractVersion",
    "MappingSource",
    "Registry",
    "SchemaReference",
    "Version",
    "starter_root",
]
