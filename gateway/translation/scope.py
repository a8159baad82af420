"""Names an expression can see: the input, the context, `let`s, loop variables, the output."""

import re
from typing import Final

import msgspec

from gateway.translation.errors import MappingError, Rule
from gateway.translation.kinds import Kind, Origin, Type, Value
from gateway.translation.shapes import Shape

__all__ = ["CONTEXT_FIELDS", "Binding", "Produced", "Scope"]

CONTEXT_FIELDS: Final = {
    "artifact_id": Kind.TEXT,
    "artifact_sha256": Kind.TEXT,
    "business_date": Kind.TEXT,
    "delivery_id": Kind.TEXT,
    "generation": Kind.INTEGER,
    "interface": Kind.TEXT,
    "message_id": Kind.TEXT,
    "received_at": Kind.TEXT,
    "revision": Kind.INTEGER,
    "tenant_id": Kind.TEXT,
}
"""What the hub may hand over beside the document; none of it is PHI."""

_TOTAL: Final = re.compile(
    r"\bsum\(\s*(?P<item>\w+)\.(?P<field>\w+)\s+for\s+(?P=item)\s+in\s+"
    r"(?:out\.)?(?P<path>[\w.]+)\s*\)"
)

_ROOTS: Final = frozenset({"input", "context", "out"})


class Binding(msgspec.Struct, frozen=True, kw_only=True):
    """What a name stands for: a local variable of the program, its type, its place."""

    code: str
    type: Type
    origin: Origin | None = None


class Produced:
    """What the mapping has put out so far, by dotted path; rows of arrays by field."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, ...], Value] = {}
        self.open_rows: set[tuple[str, ...]] = set()
        """Arrays still being filled: not readable yet."""
        self.wanted_totals: dict[tuple[str, ...], tuple[str, ...]] = {}
        """Array -> fields that are summed later: kept while it grows, not read back."""
        self.totals: dict[tuple[str, ...], Value] = {}
        """Array and field -> the sum over all rows."""

    def want_totals(self, text: str) -> None:
        """Look through a mapping's text for plain sums over the output's rows."""
        found: dict[tuple[str, ...], set[str]] = {}
        for match in _TOTAL.finditer(text):
            path = tuple(match["path"].split("."))
            found.setdefault(path, set()).add(match["field"])
        self.wanted_totals = {path: tuple(sorted(names)) for path, names in found.items()}


class Scope:
    """Resolves the first name of a path. `names` grows and shrinks with loops."""

    def __init__(self, *, source: Shape | None, bare_output: bool = False) -> None:
        self.source = source
        self.bare_output = bare_output
        """In an `assert`, a bare name is a field of the output."""
        self.names: dict[str, Binding] = {}
        self.used: set[str] = set()
        self.reads: set[Origin] = set()
        """Every place of the input that some expression reads."""
        self.produced = Produced()
        root = Type(kind=Kind.OBJECT if source else Kind.ANY, shape=source)
        self.input = Binding(code="doc", type=root, origin=())

    def define(self, name: str, binding: Binding) -> None:
        """Add a name. Raises MappingError (NAME_TAKEN) where it would hide another."""
        hidden = self.source is not None and name in self.source.listed
        if name in self.names or name in _ROOTS or hidden:
            raise MappingError(Rule.NAME_TAKEN, f"'{name}' already means something else here")
        self.names[name] = binding

    def forget(self, name: str) -> None:
        """Remove a name at the end of its block."""
        del self.names[name]

    def find(self, name: str) -> Binding | None:
        """Return what a `let` or loop variable stands for."""
        found = self.names.get(name)
        if found is not None:
            self.used.add(name)
        return found
