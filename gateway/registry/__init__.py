"""Finds contracts and mappings by name and version, and reads their files; compiles nothing.

A root is a folder with `contracts/` and `mappings/` in it: the repository, the starter copy in
the wheel, or a site's own folder. Later roots add to earlier ones.
"""

from gateway.registry.find import COMMON, Registry, starter_root
from gateway.registry.header import (
    ContractHeader,
    ContractIndex,
    ProposedStep,
    ServiceLevel,
    VersionRecord,
    Waived,
)
from gateway.registry.sources import (
    ContractVersion,
    MappingSource,
    MigrationSource,
    SchemaReference,
    Version,
)
from gateway.registry.writing import with_record

__all__ = [
    "COMMON",
    "ContractHeader",
    "ContractIndex",
    "ContractVersion",
    "MappingSource",
    "MigrationSource",
    "ProposedStep",
    "Registry",
    "SchemaReference",
    "ServiceLevel",
    "Version",
    "VersionRecord",
    "Waived",
    "starter_root",
    "with_record",
]
