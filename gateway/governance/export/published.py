"""What the exports know of a contract version: its header, its schema that stands alone, examples."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

import msgspec

from gateway.governance.subschemas import Schema
from gateway.registry import ContractVersion

__all__ = ["ORDER_OF_LIFE", "Example", "Moments", "Published", "publish", "published"]

ORDER_OF_LIFE = ("draft", "active", "deprecated", "sunset", "retired", "withdrawn")
"""The states of a contract version, as guide and header write them."""


class Example(msgspec.Struct, frozen=True):
    """A document that satisfies the contract, and what it shows (its file's name)."""

    name: str
    document: Any


class Moments(msgspec.Struct, frozen=True, kw_only=True):
    """When a version changed its state, or will: RFC 3339, empty where it is not known."""

    active_at: str = ""
    deprecated_at: str = ""
    sunset_at: str = ""
    retired_at: str = ""


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """One contract version, as the outside is told about it.

    `schema` stands alone (its types are in its own `$defs`). `service` are the service levels as
    the header writes them: a name and its value. `successor` is the version to move to, empty where
    there is none.
    """

    name: str
    version: str
    schema: Schema
    status: str = "active"
    title: str = ""
    id: str = ""
    owner: str = ""
    support: str = ""
    compatibility: str = ""
    classification: str = ""
    regulation: str = ""
    retention_days: int = 0
    events: tuple[str, ...] = ()
    service: Mapping[str, Any] = {}
    moments: Moments = Moments()
    successor: str = ""
    examples: tuple[Example, ...] = ()

    @property
    def identity(self) -> str:
        """Return "remittance-advice/1.0.0", as it stands in headers and events."""
        return f"{self.name}/{self.version}"

    @property
    def major(self) -> str:
        """Return the major version, which is what the wire names (guide 1.3)."""
        return self.version.partition(".")[0]

    @property
    def number(self) -> tuple[int, ...]:
        """Return the version as numbers, to sort by."""
        return tuple(int(part) for part in self.version.split("."))

    @property
    def media_type(self) -> str:
        """Return the media type of its documents; the version is a parameter (guide 1.3)."""
        return f"application/vnd.remithub.{self.name}+json"

    @property
    def summary(self) -> str:
        """Return what a document of it is, in a sentence."""
        return str(self.schema.get("description", ""))


class Shelf(Protocol):
    """Where contracts lie: the registry."""

    def contracts(self) -> list[ContractVersion]:
        """List every version."""
        ...

    def bundled_schema(self, name: str, version: str = "*") -> dict[str, Any]:
        """Return a schema that stands alone."""
        ...


def publish(shelf: Shelf, names: Iterable[str] = ()) -> list[Published]:
    """Return every version of every contract, or of those contracts, by name, then version.

    A version that was withdrawn before it was ever active is nobody's business and left out.
    Raises ConfigError for a file that cannot be read.
    """
    wanted = frozenset(names)
    return [
        published(found, shelf.bundled_schema(found.name, found.version))
        for found in shelf.contracts()
        if (not wanted or found.name in wanted) and found.status != "withdrawn"
    ]


def published(found: ContractVersion, schema: Schema) -> Published:
    """Return what is told about one version; its valid examples are read from its folder."""
    header, record = found.header, found.record
    return Published(
        name=found.name,
        version=found.version,
        schema=schema,
        status=found.status,
        title=header.title,
        id=header.id,
        owner=header.owner,
        support=header.support,
        compatibility=header.compatibility,
        classification=header.classification,
        regulation=header.regulation,
        retention_days=header.retention_days,
        events=header.events,
        service={key: value for key, value in msgspec.to_builtins(header.sla).items() if value},
        moments=Moments(
            active_at=record.active_at,
            deprecated_at=record.deprecated_at,
            sunset_at=record.sunset_at,
            retired_at=record.retired_at,
        ),
        successor=record.successor,
        examples=tuple(_examples(found.folder / "examples" / "valid")),
    )


def _examples(folder: Path) -> Iterable[Example]:
    for file in sorted(folder.glob("*.json")):
        yield Example(file.stem, json.loads(file.read_text(encoding="utf-8")))
