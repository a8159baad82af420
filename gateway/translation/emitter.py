"""Writes the Python of a compiled mapping line by line, and remembers what each line is for."""

from collections import ChainMap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import msgspec

from gateway.translation.errors import RunCode
from gateway.translation.kinds import Origin

__all__ = ["Emitter", "Site"]

_INDENT: Final = " "


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """What a line of the program does, so that its failure can be told in the mapping's words."""

    line: int
    """Of the YAML file."""
    target: Origin = ()
    source: Origin | None = None
    code: RunCode | str | None = None


class _Line(msgspec.Struct, frozen=True):
    indent: int
    text: str
    site: Site


class Emitter:
    """Collects lines, names and constants; knows which values are at hand at this point."""

    def __init__(self) -> None:
        self._lines: list[_Line] = []
        self._indent = 1
        self._names = 0
        self.known: ChainMap[str, str] = ChainMap()
        """Loaded already and still valid here: key of the load -> local variable."""
        self.constants: dict[str, Any] = {}
        self.yaml_line = 1
        self.target: Origin = ()
        self.loops = 0

    def put(
        self, text: str, *, source: Origin | None = None, code: RunCode | str | None = None
    ) -> None:
        """Write one line, done for the current YAML line and target."""
        site = Site(line=self.yaml_line, target=self.target, source=source, code=code)
        self._lines.append(_Line(self._indent, text, site))

    def fresh(self, stem: str = "v") -> str:
        """Return a local variable no one has used."""
        self._names += 1
        return f"{stem}{self._names}"

    def let(
        self,
        code: str,
        *,
        stem: str = "v",
        source: Origin | None = None,
        error: RunCode | str | None = None,
    ) -> str:
        """Write `variable = code` and return the variable."""
        name = self.fresh(stem)
        self.put(f"{name} = {code}", source=source, code=error)
        return name

    def constant(self, value: object) -> str:
        """Return the Python text of a constant; what has no safe text gets a global name."""
        if isinstance(value, str | bool | int):
            return repr(value)
        for name, known in self.constants.items():
            if type(known) is type(value) and repr(known) == repr(value):
                return name
        name = f"K{len(self.constants) + 1}"
        self.constants[name] = value
        return name

    @contextmanager
    def inner(self) -> Iterator[None]:
        """Write an indented block; what is loaded in it is not known after it."""
        self._indent += 1
        self.known = self.known.new_child()
        before = len(self._lines)
        try:
            yield
        finally:
            if len(self._lines) == before:
                self.put("pass")
            self._indent -= 1
            self.known = self.known.parents

    @contextmanager
    def captured(self) -> Iterator[list[_Line]]:
        """Collect what is written in a block of its own, for `replay` or to be empty."""
        outer, self._lines = self._lines, []
        self._indent += 1
        self.known = self.known.new_child()
        try:
            yield self._lines
        finally:
            self._lines = outer
            self._indent -= 1
            self.known = self.known.parents

    def replay(self, lines: list[_Line]) -> None:
        """Write what `captured` collected at the same depth."""
        self._lines.extend(lines)

    @contextmanager
    def at(self, line: int, target: Origin | None = None) -> Iterator[None]:
        """Attribute what is written to a YAML line and a target."""
        before = self.yaml_line, self.target
        self.yaml_line = line
        if target is not None:
            self.target = target
        try:
            yield
        finally:
            self.yaml_line, self.target = before

    def program(self, header: str) -> tuple[str, dict[int, Site]]:
        """Return the whole function under `header`, and the site of each of its lines."""
        text = [header]
        sites: dict[int, Site] = {}
        for number, line in enumerate(self._lines, 2):
            text.append(_INDENT * line.indent + line.text)
            sites[number] = line.site
        return "\n".join(text) + "\n", sites
