"""Writes a version's record into the text of its `contract.yaml`; comments stay where they are."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import yaml

from gateway.errors import ConfigError
from gateway.registry.header import VersionRecord
from gateway.registry.reading import header_of

__all__ = ["with_record"]

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_. /-]*")
_LIKE_A_WORD = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})

Place = tuple[str, ...]


def with_record(text: str, version: str, record: VersionRecord, *, file: str) -> str:
    """Return the text of a `contract.yaml` in which `versions` holds this record.

    Everything else stays byte for byte. Raises ConfigError where the file cannot be read, or where
    `versions` is written in braces, which has no lines to keep.
    """
    before = header_of(text, file=file)
    text = text if text.endswith("\n") else text + "\n"
    lines = text.split("\n")[:-1]
    first, last, notes = _range(text, lines, version, file)
    lines[first:last] = [*_head(text), *_entry(version, record, notes)]
    after = "\n".join(lines) + "\n"
    expected = msgspec.structs.replace(before, versions={**before.versions, version: record})
    if header_of(after, file=file) != expected:
        raise ConfigError("this file is too unusual to be edited; do it by hand.", file=file)
    return after


def _head(text: str) -> list[str]:
    return [] if _versions(text) else ["versions:"]


def _versions(text: str) -> yaml.MappingNode | None:
    """Return the mapping of versions; an empty `versions:` is none."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    for key, value in root.value if root else ():
        if key.value == "versions" and isinstance(value, yaml.MappingNode):
            return value
    return None


def _range(text: str, lines: list[str], version: str, file: str) -> tuple[int, int, "_Notes"]:
    """Return the lines (from 0, the last one not included) that the record takes the place of,
    and the comments among them."""
    versions = _versions(text)
    if versions is None:
        return len(lines), len(lines), _Notes()
    if versions.flow_style:
        line = versions.start_mark.line + 1
        raise ConfigError("write `versions` with a line for each.", file=file, line=line)
    for key, value in versions.value:
        if key.value == version:
            first, last = key.start_mark.line, _last_line(value) + 1
            return first, last, _Notes.of(lines[first:last], value, key)
    end = _last_line(versions) + 1
    return end, end, _Notes()


def _last_line(node: yaml.Node) -> int:
    """Return the line a node ends on; a block's own mark stands after the blank lines below it."""
    if isinstance(node, yaml.MappingNode) and not node.flow_style and node.value:
        return _last_line(node.value[-1][1])
    return int(node.end_mark.line)


class _Notes:
    """Comments of a record: those above a key, those behind a value."""

    def __init__(self) -> None:
        self.above: dict[Place, list[str]] = {}
        self.behind: dict[Place, str] = {}

    @classmethod
    def of(cls, lines: list[str], value: yaml.Node, key: yaml.Node) -> "_Notes":
        notes = cls()
        waiting: list[str] = []
        keys = {line: (place, end) for place, line, end in _places(value, ())}
        first = key.start_mark.line
        keys.setdefault(first, ((), key.end_mark.column))
        for number, line in enumerate(lines, first):
            if line.strip().startswith("#"):
                waiting.append(line)
            elif number in keys:
                place, end = keys[number]
                notes.above[place] = waiting
                waiting = []
                behind = line[end:].strip(" :")
                if behind.startswith("#"):
                    notes.behind[place] = "  " + behind
        return notes


def _places(node: yaml.Node, place: Place) -> Iterator[tuple[Place, int, int]]:
    """Yield each key with its line and the column behind its value."""
    if not isinstance(node, yaml.MappingNode):
        yield place, node.start_mark.line, node.end_mark.column
        return
    for key, value in node.value:
        here = (*place, str(key.value))
        nested = isinstance(value, yaml.MappingNode) and not value.flow_style
        yield here, key.start_mark.line, (key if nested else value).end_mark.column
        if nested:
            yield from _places(value, here)


def _entry(version: str, record: VersionRecord, notes: _Notes) -> Iterator[str]:
    yield from notes.above.get((), [])
    yield f'  "{version}":{notes.behind.get((), "")}'
    yield from _block(msgspec.to_builtins(record), (), notes)


def _block(body: dict[str, Any], place: Place, notes: _Notes) -> Iterator[str]:
    indent = "  " * (len(place) + 2)
    for key, value in body.items():
        here = (*place, key)
        yield from notes.above.get(here, [])
        behind = notes.behind.get(here, "")
        if isinstance(value, dict):
            yield f"{indent}{key}:{behind}"
            yield from _block(value, here, notes)
        else:
            yield f"{indent}{key}: {_scalar(value)}{behind}"


def _scalar(value: str) -> str:
    if _PLAIN.fullmatch(value) and value == value.strip() and value.lower() not in _LIKE_A_WORD:
        return value
    return msgspec.json.encode(value).decode()
