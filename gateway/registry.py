"""Finds contracts and mappings by name and version, and reads their files; compiles nothing.

A root is a folder with `contracts/` and `mappings/` in it: the repository, the starter copy in
the wheel, or a site's own folder. Later roots add to earlier ones.
"""

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, Self

import msgspec
import yaml

from gateway.errors import ConfigError, NotFound

__all__ = [
    "ContractHeader",
    "ContractVersion",
    "MappingSource",
    "Registry",
    "Version",
    "starter_root",
]

COMMON = "common"
"""The folder of shared types: versions without a header, never routed."""


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


class ContractHeader(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What `contract.yaml` says about all versions of a contract (after ODCS 3.1)."""

    id: str
    name: str
    title: str
    owner: str
    support: str
    status: str
    compatibility: str
    classification: str
    regulation: str = ""
    retention_days: int
    events: tuple[str, ...] = ()
    versions: dict[str, str] = {}
    """Status of single versions where it is not the contract's."""


class ContractVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a contract. `schema` is as written; `$ref`s to common types stay."""

    name: str
    version: Version
    status: str
    schema: dict[str, Any]
    header: ContractHeader
    folder: Path

    @property
    def identity(self) -> str:
        """Return "remittance-advice/1.0.0", as it stands in headers and events."""
        return f"{self.name}/{self.version}"


class MappingSource(msgspec.Struct, frozen=True, kw_only=True):
    """The text of one mapping and where it lies; nothing compiled."""

    name: str
    version: str
    folder: Path
    text: str


class Registry:
    """Contracts and mappings of one or more roots. Reads once; make a new one to reload."""

    def __init__(self, root: Path, *more: Path) -> None:
        self.roots = (root, *more)

    def contracts(self) -> list[ContractVersion]:
        """List every version of every contract, by name, then version. Raises ConfigError."""
        return [self._contracts[key] for key in sorted(self._contracts)]

    def contract(self, name: str, wanted: str = "*") -> ContractVersion:
        """Return the newest version of `name` that satisfies `wanted`.

        Raises NotFound, naming what is close, and ConfigError for a file that cannot be read.
        """
        versions = [found for (known, _), found in self._contracts.items() if known == name]
        if not versions:
            raise _unknown("contract", name, {known for known, _ in self._contracts})
        fitting = [found for found in versions if found.version.satisfies(wanted)]
        if not fitting:
            there = ", ".join(sorted(str(found.version) for found in versions))
            raise NotFound(
                f"Contract '{name}' has no version '{wanted}'; there are {there}.",
                code="contract_version_not_found",
            )
        return max(fitting, key=lambda found: found.version)

    def bundled_schema(self, name: str, version: str = "*") -> dict[str, Any]:
        """Return a schema that stands alone: shared types moved into its own `$defs`."""
        found = self.contract(name, version)
        return self.bundle(found.schema, found.folder / "schema.json")

    def bundle(self, schema: Mapping[str, Any], file: Path) -> dict[str, Any]:
        """Move every type that `schema` takes from other files into its `$defs`.

        `file` is where the schema lies; `#/$defs/money` is what a reference to the shared money
        becomes. Raises ConfigError for a reference that leads nowhere or two types of one name.
        """
        bundle = _Bundle(self, schema, file)
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
            self._read[file] = _json_object(file)
        return self._read[file]

    def locate(self, reference: str, file: Path) -> Path:
        """Return the file a relative reference means, in whichever root has it."""
        target = (file.parent / reference).resolve()
        if target.is_file():
            return target
        for root in self.roots:
            tail = target.parts[-3:]
            other = root.joinpath("contracts", *tail).resolve()
            if other.is_file():
                return other
        raise ConfigError(f"'{reference}' leads to no file.", file=str(file))

    @cached_property
    def _read(self) -> dict[Path, dict[str, Any]]:
        return {}

    @cached_property
    def _contracts(self) -> dict[tuple[str, Version], ContractVersion]:
        found: dict[tuple[str, Version], ContractVersion] = {}
        for root in self.roots:
            for contract in _read_contracts(root / "contracts"):
                key = (contract.name, contract.version)
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
                found[file.parent.name] = _read_mapping(file)
        return found


def starter_root() -> Path:
    """Return the root that came with the program: the checkout, or the wheel's starter copy."""
    package = Path(__file__).resolve().parent
    checkout = package.parent
    return checkout if (checkout / "contracts").is_dir() else package / "starter"


class _Bundle:
    """Collects the types of other files under their own names."""

    def __init__(self, registry: Registry, schema: Mapping[str, Any], file: Path) -> None:
        self.registry = registry
        self.schema = schema
        self.file = file.resolve()
        self.types: dict[str, Any] = {}
        self.origin: dict[str, Path] = {}

    def rewrite(self, node: Any, file: Path) -> Any:
        """Return `node` with every reference pointing into the bundle."""
        if isinstance(node, list):
            return [self.rewrite(item, file) for item in node]
        if not isinstance(node, dict):
            return node
        return {
            key: self.take(value, file)
            if key == "$ref" and isinstance(value, str)
            else self.rewrite(value, file)
            for key, value in node.items()
        }

    def take(self, reference: str, file: Path) -> str:
        """Return the reference inside the bundle, fetching its target first."""
        place, _, pointer = reference.partition("#")
        found = re.fullmatch(r"/\$defs/([A-Za-z0-9_]+)", pointer)
        if not found:
            raise ConfigError("a $ref must end in #/$defs/NAME.", file=str(file))
        name = found.group(1)
        target = self.registry.locate(place, file) if place else file.resolve()
        if self.origin.setdefault(name, target) != target:
            raise ConfigError(f"'{name}' names two types.", file=str(file))
        if name not in self.types:
            self._fetch(name, target, file)
        return f"#/$defs/{name}"

    def _fetch(self, name: str, target: Path, file: Path) -> None:
        source = self.schema if target == self.file else self.registry.shared(target)
        body = source.get("$defs", {}).get(name)
        if body is None:
            raise ConfigError(f"there is no '{name}' in {target.name}.", file=str(file))
        self.types[name] = True
        self.types[name] = self.rewrite(body, target)


def _unknown(noun: str, name: str, known: set[str]) -> NotFound:
    close = difflib.get_close_matches(name, sorted(known), n=1)
    hint = f" Did you mean '{close[0]}'?" if close else ""
    return NotFound(f"There is no {noun} '{name}'.{hint}", code=f"{noun}_not_found")


def _read_contracts(base: Path) -> Iterator[ContractVersion]:
    for file in sorted(base.glob("*/contract.yaml")):
        header = _read_header(file)
        for schema_file in sorted(file.parent.glob("*/schema.json")):
            version = Version.parse(schema_file.parent.name)
            if version is None:
                raise ConfigError("the folder's name is no version.", file=str(schema_file))
            yield ContractVersion(
                name=header.name,
                version=version,
                status=header.versions.get(str(version), header.status),
                schema=_json_object(schema_file),
                header=header,
                folder=schema_file.parent,
            )


def _read_header(file: Path) -> ContractHeader:
    try:
        header = msgspec.convert(_yaml_object(file), ContractHeader, strict=False)
    except msgspec.ValidationError as fault:
        raise ConfigError(str(fault), file=str(file)) from None
    if header.name != file.parent.name:
        raise ConfigError("name differs from the folder's.", file=str(file))
    return header


def _read_mapping(file: Path) -> MappingSource:
    version = str(_yaml_object(file).get("version", ""))
    text = file.read_text(encoding="utf-8")
    return MappingSource(name=file.parent.name, version=version, folder=file.parent, text=text)


def _json_object(file: Path) -> dict[str, Any]:
    try:
        body = json.loads(file.read_bytes())
    except (OSError, ValueError) as fault:
        line = getattr(fault, "lineno", 0)
        raise ConfigError("this is no readable JSON.", file=str(file), line=line) from None
    if not isinstance(body, dict):
        raise ConfigError("this is no JSON object.", file=str(file), line=1)
    return body


def _yaml_object(file: Path) -> dict[str, Any]:
    try:
        body = yaml.load(file.read_text(encoding="utf-8"), Loader=_TextLoader)  # noqa: S506  builds text only
    except yaml.MarkedYAMLError as fault:
        line = fault.problem_mark.line + 1 if fault.problem_mark else 0
        raise ConfigError(fault.problem or "no YAML.", file=str(file), line=line) from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        raise ConfigError("this is no readable YAML.", file=str(file)) from None
    if not isinstance(body, dict):
        raise ConfigError("this is no YAML mapping.", file=str(file), line=1)
    return body


class _TextLoader(yaml.BaseLoader):
    """Reads scalars as text (0.10 stays 0.10, NO stays NO) and refuses equal keys."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002  PyYAML's signature
        seen: set[str] = set()
        for key, _ in node.value:
            name = str(key.value)
            if name in seen:
                problem = f"'{name}' is there twice."
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            seen.add(name)
        return super().construct_mapping(node, deep=deep)
