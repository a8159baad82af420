"""The registry itself: contracts and mappings of one or more roots, by name and version."""

import difflib
from collections.abc import Mapping
from functools import cached_property
from os.path import normpath
from pathlib import Path, PurePosixPath
from typing import Any

from gateway.errors import ConfigError, NotFound
from gateway.registry.bundling import Bundle
from gateway.registry.places import file_below
from gateway.registry.reading import json_object, read_contracts, read_mapping, read_migration
from gateway.registry.sources import (
    ContractVersion,
    MappingSource,
    MigrationSource,
    SchemaReference,
    Version,
)

__all__ = ["COMMON", "FORMAT_SHAPES", "Registry", "starter_root"]

COMMON = "common"
"""The folder of shared types: versions without a header, never routed."""

FORMAT_SHAPES = {"x12-835": "remittance-advice"}
"""The contract whose shape the reader of a wire format gives its documents, best effort."""


class Registry:
    """Contracts and mappings of one or more roots. Reads once; make a new one to reload."""

    def __init__(self, root: Path, *more: Path) -> None:
        self.roots = (root, *more)

    def contracts(self) -> list[ContractVersion]:
        """List every version of every contract, by name, then version. Raises ConfigError."""
        return [self._contracts[key] for key in sorted(self._contracts)]

    def contract(self, name: str, wanted: str = "*") -> ContractVersion:
        """Return the newest version of `name` that satisfies `wanted`.

        Versions in force come before drafts, so that a draft beside them moves nobody; one that
        is retired or withdrawn is found where nothing else fits, as by its exact number. Raises
        NotFound, naming what is close, and ConfigError for a file that cannot be read.
        """
        versions = [found for found in self.contracts() if found.name == name]
        if not versions:
            raise _unknown("contract", name, {known for known, _ in self._contracts})
        fitting = [found for found in versions if _number(found.version).satisfies(wanted)]
        if not fitting:
            there = ", ".join(found.version for found in versions)
            raise NotFound(
                f"Contract '{name}' has no version '{wanted}'; there are {there}.",
                code="contract_version_not_found",
            )
        return max(fitting, key=_in_force)

    def bundled_schema(self, name: str, version: str = "*") -> dict[str, Any]:
        """Return a schema that stands alone: shared types moved into its own `$defs`."""
        found = self.contract(name, version)
        return self.bundle(found.schema, found.folder / "schema.json")

    def bundle(self, schema: Mapping[str, Any], file: Path) -> dict[str, Any]:
        """Move every type that `schema` takes from other files into its `$defs`.

        `file` is where the schema lies; `#/$defs/money` is what a reference to the shared money
        becomes. Raises ConfigError for a reference that leads nowhere or two types of one name.
        """
        bundle = Bundle(self, schema, file)
        rest = {key: value for key, value in schema.items() if key != "$defs"}
        body: dict[str, Any] = bundle.rewrite(rest, file)
        for name in schema.get("$defs", {}):
            bundle.take(f"#/$defs/{name}", file)
        return body | ({"$defs": bundle.types} if bundle.types else {})

    def mappings(self) -> list[MappingSource]:
        """List every mapping by name; a later root's mapping replaces one of the same name."""
        return [self._mappings[name] for name in sorted(self._mappings)]

    def mapping(self, name: str) -> MappingSource:
        """Return the mapping called `name`. Raises NotFound, naming what is close."""
        if name not in self._mappings:
            raise _unknown("mapping", name, set(self._mappings))
        return self._mappings[name]

    def source_schema(self, mapping: MappingSource) -> dict[str, Any] | None:
        """Return the schema of what the mapping reads; None where it is not checked."""
        return self._schema(self.side(mapping, mapping.source))

    def target_schema(self, mapping: MappingSource) -> dict[str, Any] | None:
        """Return the schema of what the mapping makes; None where it is not checked."""
        return self._schema(self.side(mapping, mapping.target))

    def _schema(self, side: ContractVersion | dict[str, Any] | None) -> dict[str, Any] | None:
        if isinstance(side, ContractVersion):
            return self.bundled_schema(side.name, side.version)
        return side

    def side(
        self, mapping: MappingSource, side: SchemaReference
    ) -> ContractVersion | dict[str, Any] | None:
        """Return what one side of a mapping is: a contract, a schema of its own that stands
        alone, or None where it is not checked."""
        contract = side.contract or FORMAT_SHAPES.get(side.format, "")
        if contract:
            return self.contract(contract, side.version)
        if not side.schema:
            return None
        file = file_below(mapping.folder / side.schema, (mapping.folder,))
        if file is None:
            raise ConfigError("a schema lies beside its mapping.", file=mapping.place)
        return self.bundle(self.shared(file), file)

    def migrations(self, name: str) -> list[MigrationSource]:
        """List the translations between majors of a contract; a later root's replaces one of the
        same file name. Raises ConfigError for a name that is not "1-to-2.yaml"."""
        found: dict[str, MigrationSource] = {}
        for root in self.roots if self._knows(name) else ():
            for file in sorted((root / "contracts" / name / "migrations").glob("*.yaml")):
                found[file.name] = read_migration(name, file)
        return sorted(found.values(), key=lambda one: (one.old, one.new))

    def quality(self, name: str) -> Path | None:
        """Return the file of a contract's quality rules, the last root's; None without one."""
        files = [root / "contracts" / name / "quality.yaml" for root in reversed(self.roots)]
        return next((file for file in files if file.is_file() and self._knows(name)), None)

    def _knows(self, name: str) -> bool:
        """Tell whether there is such a contract; a name may come from a request."""
        return any(name == known for known, _ in self._contracts)

    def files(self, root: Path | None = None) -> dict[str, bytes]:
        """Return the bytes of every file below the version folders, by path below `contracts/`."""
        base = (root or self.roots[0]) / "contracts"
        found = (path for path in base.glob("*/*/**/*") if path.is_file())
        named = ((path.relative_to(base).as_posix(), path) for path in found)
        return {
            name: path.read_bytes()
            for name, path in sorted(named)
            if Version.parse(PurePosixPath(name).parts[1])
        }

    def shared(self, file: Path) -> dict[str, Any]:
        """Return a JSON file's object, read once. Raises ConfigError."""
        if file not in self._read:
            self._read[file] = json_object(file)
        return self._read[file]

    def locate(self, reference: str, file: Path) -> Path:
        """Return the file a relative reference means, in whichever root has it. It lies beside the
        one that names it, or among the contracts: no schema can show what else the disk holds."""
        shelves = [root / "contracts" for root in self.roots]
        tail = PurePosixPath(normpath(file.parent / reference)).parts[-3:]
        meant = [file.parent / reference, *(shelf.joinpath(*tail) for shelf in shelves)]
        for name in meant:
            found = file_below(name, (file.parent, *shelves))
            if found is not None:
                return found
        raise ConfigError(f"'{reference}' leads to no file of ours.", file=str(file))

    @cached_property
    def _read(self) -> dict[Path, dict[str, Any]]:
        return {}

    @cached_property
    def _contracts(self) -> dict[tuple[str, Version], ContractVersion]:
        found: dict[tuple[str, Version], ContractVersion] = {}
        for root in self.roots:
            for contract in read_contracts(root / "contracts"):
                key = (contract.name, _number(contract.version))
                if key in found and found[key].schema != contract.schema:
                    raise ConfigError(
                        f"{contract.identity} is there twice and differs.",
                        file=str(contract.folder / "schema.json"),
                        next_step="give the changed schema a version of its own.",
                    )
                found.setdefault(key, contract)
        return found

    @cached_property
    def _mappings(self) -> dict[str, MappingSource]:
        found: dict[str, MappingSource] = {}
        for root in self.roots:
            for file in sorted((root / "mappings").glob("*/mapping.yaml")):
                found[file.parent.name] = read_mapping(file)
        return found


def _in_force(found: ContractVersion) -> tuple[int, Version]:
    """Order versions by how willingly they are taken, then by number."""
    rank = {"withdrawn": 0, "retired": 1, "draft": 2}
    return rank.get(found.status, 3), _number(found.version)


def starter_root() -> Path:
    """Return the root that came with the program: the checkout, or the wheel's starter copy."""
    package = Path(__file__).resolve().parents[1]
    checkout = package.parent
    return checkout if (checkout / "contracts").is_dir() else package / "starter"


def _unknown(noun: str, name: str, known: set[str]) -> NotFound:
    close = difflib.get_close_matches(name, sorted(known), n=1)
    hint = f" Did you mean '{close[0]}'?" if close else ""
    return NotFound(f"There is no {noun} '{name}'.{hint}", code=f"{noun}_not_found")


def _number(version: str) -> Version:
    number = Version.parse(version)
    if number is None:
        raise ConfigError(f"'{version}' is no version.")
    return number
