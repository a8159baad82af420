"""YAML with line numbers kept and nothing guessed: every scalar stays the text it was."""

from collections.abc import Iterator
from typing import Final

import msgspec
import yaml

from gateway.translation.errors import MappingError, Rule
from gateway.translation.limits import MAX_MAPPING_BYTES

__all__ = ["Entry", "Map", "Scalar", "Seq", "read_yaml"]

_MAX_DEPTH: Final = 60
_TAGS: Final = frozenset(
    f"tag:yaml.org,2002:{kind}"
    for kind in (
        "bool",
        "float",
        "int",
        "map",
        "merge",
        "null",
        "seq",
        "str",
        "timestamp",
        "value",
    )
)


class Scalar(msgspec.Struct, frozen=True):
    """The text of a scalar as written, without its quotes; `line` counts from 1."""

    text: str
    line: int


class Seq(msgspec.Struct, frozen=True):
    """A list."""

    items: tuple["Entry", ...]
    line: int


class Map(msgspec.Struct, frozen=True):
    """A mapping, in the order written."""

    entries: dict[str, "Entry"]
    line: int

    def __iter__(self) -> Iterator[tuple[str, "Entry"]]:
        return iter(self.entries.items())


Entry = Scalar | Seq | Map


class _Reader:
    """Turns PyYAML's node graph into ours; refuses aliases, tags and keys given twice."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.seen: set[int] = set()

    def fail(self, reason: str, line: int) -> MappingError:
        return MappingError(Rule.YAML, reason, file=self.file, line=line)

    def read(self, node: yaml.Node, depth: int = 0, key_line: int = 0) -> Entry:
        """Read a node; what hangs from a key, and is no scalar, stands at its key's line."""
        line = node.start_mark.line + 1
        if key_line and not isinstance(node, yaml.ScalarNode):
            line = key_line
        if depth > _MAX_DEPTH:
            raise self.fail("nested too deeply", line)
        if id(node) in self.seen:
            raise self.fail("anchors and aliases are not allowed", line)
        self.seen.add(id(node))
        if node.tag not in _TAGS:
            raise self.fail("tags are not allowed", line)
        if isinstance(node, yaml.ScalarNode):
            return Scalar(str(node.value), line)
        if isinstance(node, yaml.SequenceNode):
            return Seq(tuple(self.read(item, depth + 1) for item in node.value), line)
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, depth, line)
        raise self.fail("neither a text, a list nor a mapping", line)

    def mapping(self, node: yaml.MappingNode, depth: int, line: int) -> Map:
        entries: dict[str, Entry] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise self.fail("a key must be a plain text", key.start_mark.line + 1)
            name = str(key.value)
            key_line = key.start_mark.line + 1
            if name in entries:
                raise self.fail(f"key '{name}' is given twice", key_line)
            empty = value.start_mark.index == value.end_mark.index
            if node.flow_style and empty:
                raise self.fail("a comma inside { } ends an expression: quote it", key_line)
            entries[name] = self.read(value, depth + 1, key_line)
        return Map(entries, line)


def read_yaml(text: str, file: str) -> Entry:
    """Read one YAML document.

    `NO`, `00123`, `1e5` stay texts. Raises MappingError (YAML, TOO_LARGE) with file and line.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MAX_MAPPING_BYTES:
        raise MappingError(Rule.TOO_LARGE, "file too large", file=file, line=1)
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        hint = "" if "'}'" not in str(error.problem) else "; quote an expression inside { }"
        raise MappingError(Rule.YAML, f"{error.problem}{hint}", file=file, line=line) from None
    except (yaml.YAMLError, RecursionError):
        raise MappingError(Rule.YAML, "cannot be read as YAML", file=file, line=1) from None
    if node is None:
        raise MappingError(Rule.YAML, "the file is empty", file=file, line=1)
    return _Reader(file).read(node)
