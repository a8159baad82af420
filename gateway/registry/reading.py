"""Reads the files of contracts and mappings; every fault names file and line."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import yaml

from gateway.errors import ConfigError
from gateway.registry.header import ContractHeader
from gateway.registry.sources import (
    ContractVersion,
    MappingSource,
    MigrationSource,
    SchemaReference,
    Version,
)

__all__ = ["header_of", "json_object", "read_contracts", "read_mapping", "read_migration"]

_MAJORS = re.compile(r"(0|[1-9][0-9]*)-to-(0|[1-9][0-9]*)")


def read_contracts(base: Path) -> Iterator[ContractVersion]:
    """Yield every version below a `contracts` folder. Raises ConfigError."""
    for file in sorted(base.glob("*/contract.yaml")):
        header = _read_header(file)
        for schema_file in sorted(file.parent.glob("*/schema.json")):
            version = schema_file.parent.name
            if Version.parse(version) is None:
                raise ConfigError("the folder's name is no version.", file=str(schema_file))
            yield ContractVersion(
                name=header.name,
                version=version,
                status=header.record(version).status,
                schema=json_object(schema_file),
                header=header,
                folder=schema_file.parent,
            )


def _read_header(file: Path) -> ContractHeader:
    header = header_of(_text_of(file), file=str(file))
    if header.name != file.parent.name:
        raise ConfigError("name differs from the folder's.", file=str(file))
    return header


def header_of(text: str, *, file: str) -> ContractHeader:
    """Read the text of a `contract.yaml`; `file` is only shown. Raises ConfigError."""
    try:
        return msgspec.convert(_yaml_text(text, file), ContractHeader, strict=False)
    except msgspec.ValidationError as fault:
        raise ConfigError(str(fault), file=file) from None


def read_mapping(file: Path) -> MappingSource:
    """Read one `mapping.yaml`. Raises ConfigError."""
    body = _yaml_object(file)
    try:
        source, target = (
            msgspec.convert(body.get(side, {}), SchemaReference) for side in ("source", "target")
        )
    except msgspec.ValidationError as fault:
        raise ConfigError(str(fault), file=str(file)) from None
    return MappingSource(
        name=file.parent.name,
        version=str(body.get("version", "")),
        source=source,
        target=target,
        folder=file.parent,
        text=file.read_text(encoding="utf-8"),
    )


def read_migration(contract: str, file: Path) -> MigrationSource:
    """Read one "1-to-2.yaml". Raises ConfigError for another name or text that is not UTF-8."""
    majors = _MAJORS.fullmatch(file.stem)
    if majors is None or majors[1] == majors[2]:
        raise ConfigError(
            "a migration is named after two majors, such as 1-to-2.yaml.", file=str(file)
        )
    return MigrationSource(
        contract=contract,
        old=int(majors[1]),
        new=int(majors[2]),
        file=file,
        text=_text_of(file),
    )


def json_object(file: Path) -> dict[str, Any]:
    """Return the object in a JSON file. Raises ConfigError with the line."""
    try:
        body = json.loads(file.read_bytes())
    except RecursionError:
        raise ConfigError("nested too deeply.", file=str(file), line=1) from None
    except (OSError, ValueError) as fault:
        line = getattr(fault, "lineno", 0)
        raise ConfigError("this is no readable JSON.", file=str(file), line=line) from None
    if not isinstance(body, dict):
        raise ConfigError("this is no JSON object.", file=str(file), line=1)
    return body


def _yaml_object(file: Path) -> dict[str, Any]:
    return _yaml_text(_text_of(file), str(file))


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise ConfigError("this is no readable YAML.", file=str(file)) from None


def _yaml_text(text: str, file: str) -> dict[str, Any]:
    try:
        body = yaml.load(text, Loader=_TextLoader)  # noqa: S506  builds text only
    except yaml.MarkedYAMLError as fault:
        line = fault.problem_mark.line + 1 if fault.problem_mark else 0
        raise ConfigError(fault.problem or "no YAML.", file=file, line=line) from None
    except (yaml.YAMLError, RecursionError):
        raise ConfigError("this is no readable YAML.", file=file) from None
    if not isinstance(body, dict):
        raise ConfigError("this is no YAML mapping.", file=file, line=1)
    return body


class _TextLoader(yaml.BaseLoader):
    """Reads scalars as text (0.10 stays 0.10, NO stays NO); refuses equal keys and aliases."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Refuse aliases: a file of a few lines could mean a document of gigabytes."""
        if self.check_event(yaml.AliasEvent):
            mark = self.get_mark()
            problem = "anchors and aliases are not allowed."
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002  PyYAML's signature
        seen: set[str] = set()
        for key, _ in node.value:
            name = str(key.value)
            if name in seen:
                problem = f"'{name}' is there twice."
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            seen.add(name)
        return super().construct_mapping(node, deep=deep)
