"""Lookup tables: inline or from a table file, with a default row and effective dates."""

import csv
import io
from collections.abc import Callable
from typing import Any, Final

import msgspec

from gateway.errors import HubError
from gateway.translation.errors import MappingError, Rule, RunCode
from gateway.translation.limits import MAX_TABLE_ROWS
from gateway.translation.numbers import Refused
from gateway.translation.yaml_nodes import Entry, Map, Scalar, Seq, read_yaml

__all__ = ["ANY_KEY", "Lookup", "Period", "read_lookups"]

ANY_KEY: Final = "*"
"""Key of the row used where no other row fits."""

_TABLE_KEYS: Final = frozenset({"table", "key", "value", "effective"})
_FIRST_DAY: Final = "0000-01-01"
_LAST_DAY: Final = "9999-12-31"

Tables = Callable[[str], str]


class Period(msgspec.Struct, frozen=True):
    """A row's value and the days (both included, ISO dates) on which it holds."""

    first: str
    last: str
    value: str


class Lookup(msgspec.Struct, frozen=True, kw_only=True):
    """One table. `rows` has the key text, or a tuple of them, as key."""

    name: str
    line: int
    keys: int = 1
    """How many key columns."""
    rows: dict[Any, Any]
    """key -> value, or key -> tuple of Periods where `dated`."""
    dated: bool = False

    @property
    def default(self) -> str | None:
        """Value of the `*` row of an undated table."""
        if self.dated:
            return None
        found = self.rows.get(ANY_KEY if self.keys == 1 else (ANY_KEY,) * self.keys)
        return None if found is None else str(found)

    def on(self, key: str | tuple[str, ...], day: str) -> str:
        """Return the value of a dated row. Raises Refused (LOOKUP_MISS)."""
        fallback = ANY_KEY if self.keys == 1 else (ANY_KEY,) * self.keys
        for wanted in (key, fallback):
            for period in self.rows.get(wanted, ()):
                if period.first <= day[:10] <= period.last:
                    return str(period.value)
        raise Refused(RunCode.LOOKUP_MISS)


class _Reader:
    """Reads the `lookups` of one mapping."""

    def __init__(self, tables: Tables, file: str) -> None:
        self.tables = tables
        self.file = file

    def fail(self, name: str, reason: str, line: int, file: str = "") -> MappingError:
        return MappingError(
            Rule.LOOKUP_INVALID, f"lookup '{name}': {reason}", file=file or self.file, line=line
        )

    def read(self, name: str, entry: Entry) -> Lookup:
        if not isinstance(entry, Map) or not entry.entries:
            raise self.fail(name, "needs rows, or 'table', 'key' and 'value'", entry.line)
        if "table" in entry.entries:
            return self.table(name, entry)
        rows: dict[Any, Any] = {}
        for key, value in entry:
            if not isinstance(value, Scalar):
                raise self.fail(name, f"the value of '{key}' must be a text", value.line)
            rows[key] = value.text
        return Lookup(name=name, line=entry.line, rows=rows)

    def table(self, name: str, entry: Map) -> Lookup:
        unknown = set(entry.entries) - _TABLE_KEYS
        if unknown:
            raise self.fail(name, f"unknown key '{min(unknown)}'", entry.line)
        file = self.text(name, entry, "table")
        value = self.text(name, entry, "value")
        keys = self.columns(name, entry)
        dates = self.effective(name, entry)
        rows = self.load(name, file, entry.line)
        wanted = {value, *keys, *dates}
        found: dict[Any, Any] = {}
        for line, row in rows:
            missing = wanted - set(row)
            if missing:
                raise self.fail(name, f"no column '{min(missing)}'", line, file)
            key = row[keys[0]] if len(keys) == 1 else tuple(row[k] for k in keys)
            self.add(found, key, self.cell(row, value, dates), name=name, place=(file, line))
        return Lookup(name=name, line=entry.line, keys=len(keys), rows=found, dated=bool(dates))

    def cell(self, row: dict[str, str], value: str, dates: tuple[str, ...]) -> str | Period:
        if not dates:
            return row[value]
        return Period(row[dates[0]] or _FIRST_DAY, row[dates[1]] or _LAST_DAY, row[value])

    def add(
        self,
        found: dict[Any, Any],
        key: object,
        cell: str | Period,
        *,
        name: str,
        place: tuple[str, int],
    ) -> None:
        file, line = place
        if isinstance(cell, str):
            if key in found:
                raise self.fail(name, "two rows have the same key", line, file)
            found[key] = cell
            return
        others = found.setdefault(key, [])
        if any(cell.first <= other.last and other.first <= cell.last for other in others):
            raise self.fail(name, "two rows of one key hold on the same day", line, file)
        others.append(cell)

    def text(self, name: str, entry: Map, key: str) -> str:
        found = entry.entries.get(key)
        if not isinstance(found, Scalar) or not found.text:
            raise self.fail(name, f"'{key}' must be given as a text", entry.line)
        return found.text

    def columns(self, name: str, entry: Map) -> tuple[str, ...]:
        found = entry.entries.get("key")
        if isinstance(found, Seq) and all(isinstance(item, Scalar) for item in found.items):
            return tuple(item.text for item in found.items if isinstance(item, Scalar))
        return (self.text(name, entry, "key"),)

    def effective(self, name: str, entry: Map) -> tuple[str, ...]:
        found = entry.entries.get("effective")
        if found is None:
            return ()
        if not isinstance(found, Map) or set(found.entries) != {"from", "to"}:
            raise self.fail(name, "'effective' needs 'from' and 'to'", found.line)
        return self.text(name, found, "from"), self.text(name, found, "to")

    def load(self, name: str, file: str, line: int) -> list[tuple[int, dict[str, str]]]:
        try:
            text = self.tables(file)
        except (HubError, OSError, LookupError, UnicodeDecodeError):
            raise self.fail(name, f"table '{file}' cannot be read", line) from None
        rows = self.yaml(name, file, text) if file.endswith((".yaml", ".yml")) else _csv(text)
        if len(rows) > MAX_TABLE_ROWS:
            raise self.fail(name, "too many rows", line, file)
        return rows

    def yaml(self, name: str, file: str, text: str) -> list[tuple[int, dict[str, str]]]:
        entry = read_yaml(text, file)
        if not isinstance(entry, Seq):
            raise self.fail(name, "a YAML table is a list of rows", entry.line, file)
        rows: list[tuple[int, dict[str, str]]] = []
        for item in entry.items:
            cells = item.entries if isinstance(item, Map) else {}
            if not all(isinstance(cell, Scalar) for cell in cells.values()):
                raise self.fail(name, "a cell must be a text", item.line, file)
            texts = {k: v.text for k, v in cells.items() if isinstance(v, Scalar)}
            rows.append((item.line, texts))
        return rows


def _csv(text: str) -> list[tuple[int, dict[str, str]]]:
    lines = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    header: list[str] = []
    rows: list[tuple[int, dict[str, str]]] = []
    for cells in lines:
        if not any(cells):
            continue
        if not header:
            header = [cell.strip() for cell in cells]
            continue
        values = (cell.strip() for cell in cells)
        rows.append((lines.line_num, dict(zip(header, values, strict=False))))
    return rows


def read_lookups(entry: Entry | None, *, tables: Tables, file: str) -> dict[str, Lookup]:
    """Read the `lookups` section. Raises MappingError (LOOKUP_INVALID) with file and line."""
    if entry is None:
        return {}
    if not isinstance(entry, Map):
        raise MappingError(Rule.STRUCTURE, "'lookups' maps names to tables", line=entry.line)
    reader = _Reader(tables, file)
    return {name: reader.read(name, table) for name, table in entry}
