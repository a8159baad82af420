"""What the registry finds: contract versions with their headers, mappings with their text."""

import re
from pathlib import Path
from typing import Any, Self

import msgspec

from gateway.errors import ConfigError
from gateway.registry.header import ContractHeader, VersionRecord
from gateway.registry.places import file_below

__all__ = [
    "ContractVersion",
    "MappingSource",
    "MigrationSource",
    "SchemaReference",
    "Version",
]


class Version(msgspec.Struct, frozen=True, order=True):
    """A semantic version of three numbers."""

    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read "1.4.0"; None where it is no such version."""
        found = re.fullmatch(r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)", text)
        return cls(*(int(part) for part in found.groups())) if found else None

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    def satisfies(self, wanted: str) -> bool:
        """Tell whether this is `wanted`: "1.4.0" exactly, "^1.4" compatible from there, "*" any.

        A caret keeps the major version, below 1.0 the minor one (semver.org, item 4).
        """
        if wanted in {"", "*"}:
            return True
        if not wanted.startswith("^"):
            return str(self) == wanted
        numbers = [int(part) for part in re.findall(r"[0-9]+", wanted)]
        floor = Version(*[*numbers, 0, 0, 0][:3])
        same = 1 if floor.major else min(2, len(numbers))
        parts = (self.major, self.minor, self.patch)
        return self >= floor and parts[:same] == (floor.major, floor.minor, floor.patch)[:same]


class ContractVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a contract. `schema` is as written; `$ref`s to common types stay."""

    name: str
    version: str
    status: str
    schema: dict[str, Any]
    header: ContractHeader
    folder: Path

    @property
    def identity(self) -> str:
        """Return "remittance-advice/1.0.0", as it stands in headers and events."""
        return f"{self.name}/{self.version}"

    @property
    def record(self) -> VersionRecord:
        """Return how far this version has come."""
        return self.header.record(self.version)

    @property
    def major(self) -> int:
        """Return the first of the version's three numbers."""
        return int(self.version.partition(".")[0])


class SchemaReference(msgspec.Struct, frozen=True, kw_only=True):
    """One side of a mapping: a contract, or a schema file beside the mapping, or unchecked."""

    contract: str = ""
    version: str = "*"
    schema: str = ""
    format: str = ""
    any: str = ""


class MigrationSource(msgspec.Struct, frozen=True, kw_only=True):
    """The text of one `migrations/1-to-2.yaml`; nothing compiled. `old` and `new` are majors: what
    it reads and what it makes."""

    contract: str
    old: int
    new: int
    file: Path
    text: str

    @property
    def place(self) -> str:
        """Return "NAME/migrations/1-to-2.yaml", as it lies below `contracts/`."""
        return f"{self.contract}/migrations/{self.file.name}"


class MappingSource(msgspec.Struct, frozen=True, kw_only=True):
    """The text of one mapping and where it lies; nothing compiled."""

    name: str
    version: str
    source: SchemaReference
    target: SchemaReference
    folder: Path
    text: str

    def table(self, name: str) -> str:
        """Return the text of a lookup table beside the mapping. Raises ConfigError."""
        file = file_below(self.folder / name, (self.folder,))
        if file is None:
            raise ConfigError(f"there is no table '{name}' beside the mapping.", file=self.place)
        return file.read_text(encoding="utf-8")

    @property
    def place(self) -> str:
        """Return the mapping's file, for an error."""
        return str(self.folder / "mapping.yaml")
