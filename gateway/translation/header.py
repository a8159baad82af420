"""The head of a mapping file: name, version, what it reads, what it makes."""

import re
from typing import Final

import msgspec

from gateway.translation.errors import MappingError, Rule
from gateway.translation.yaml_nodes import Entry, Map, Scalar, read_yaml

__all__ = ["Header", "Side", "read_header", "read_mapping_file"]

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{1,79}")
_VERSION: Final = re.compile(r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)")
_TOP_KEYS: Final = frozenset(
    {
        "mapping",
        "version",
        "description",
        "source",
        "target",
        "base",
        "drop",
        "lookups",
        "let",
        "fields",
        "assert",
    }
)
_SIDE_KEYS: Final = frozenset({"contract", "version", "format", "schema", "any"})


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One side of a mapping: exactly one of `contract`, `format`, `schema`, `anything`."""

    contract: str = ""
    version: str = ""
    """Range of the contract, such as `^1.0`."""
    format: str = ""
    schema: str = ""
    """A JSON Schema file beside the mapping."""
    anything: bool = False


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What must be known to find the schemas of a mapping."""

    name: str
    version: str
    description: str
    source: Side
    target: Side


def _fail(reason: str, file: str, line: int) -> MappingError:
    return MappingError(Rule.STRUCTURE, reason, file=file, line=line)


def _text(top: Map, key: str, form: re.Pattern[str], file: str) -> str:
    found = top.entries.get(key)
    if not isinstance(found, Scalar) or not form.fullmatch(found.text):
        line = found.line if found else top.line
        raise _fail(f"'{key}' must be given and look like {form.pattern}", file, line)
    return found.text


def _side(top: Map, key: str, file: str) -> Side:
    entry: Entry | None = top.entries.get(key)
    line = entry.line if entry else top.line
    if not isinstance(entry, Map):
        raise _fail(f"'{key}' must be given, as {{contract: NAME, version: RANGE}}", file, line)
    texts = {k: v.text for k, v in entry if isinstance(v, Scalar) and v.text}
    unknown = set(entry.entries) - _SIDE_KEYS
    if unknown or len(texts) != len(entry.entries):
        raise _fail(f"'{key}' holds contract, version, format, schema or any", file, line)
    kinds = set(texts) - {"version"}
    if len(kinds) != 1 or ("version" in texts) != ("contract" in texts):
        raise _fail(
            f"'{key}' names one of contract (and version), format, schema, any", file, line
        )
    if texts.get("any", "true") != "true":
        raise _fail(f"'{key}': 'any' is either true or left out", file, line)
    return Side(
        contract=texts.get("contract", ""),
        version=texts.get("version", ""),
        format=texts.get("format", ""),
        schema=texts.get("schema", ""),
        anything="any" in texts,
    )


def read_mapping_file(text: str, file: str) -> tuple[Header, Map]:
    """Read a mapping file into its head and its body. Raises MappingError."""
    top = read_yaml(text, file)
    if not isinstance(top, Map):
        raise _fail("a mapping file is a YAML mapping", file, top.line)
    for key, entry in top:
        if key not in _TOP_KEYS:
            raise _fail(
                f"unknown key '{key}'; known: {', '.join(sorted(_TOP_KEYS))}", file, entry.line
            )
    described = top.entries.get("description")
    header = Header(
        name=_text(top, "mapping", _NAME, file),
        version=_text(top, "version", _VERSION, file),
        description=described.text if isinstance(described, Scalar) else "",
        source=_side(top, "source", file),
        target=_side(top, "target", file),
    )
    return header, top


def read_header(text: str, file: str) -> Header:
    """Read only the head, to find the schemas `compile_mapping` wants. Raises MappingError."""
    return read_mapping_file(text, file)[0]
