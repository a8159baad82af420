"""An output object being put together: its leaves, its base, the types of its rows."""

from typing import Any

import msgspec

from gateway.translation.kinds import Kind, Origin, Type, Value
from gateway.translation.shapes import Shape

__all__ = ["Base", "Draft", "FieldRecord", "Rows", "put_out"]


class FieldRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One leaf of the target: where it is written, from what, for `explain`."""

    expression: str
    line: int
    target: Origin
    type: Type


class Base(msgspec.Struct, frozen=True, kw_only=True):
    """What an output object starts from: a variable, its shape, whether it may be absent."""

    code: str
    shape: Shape
    optional: bool = False
    drops: tuple[tuple[str, ...], ...] = ()
    """Paths removed from the result, relative to here."""

    def loses(self, name: str) -> bool:
        """Whether this property itself is removed."""
        return (name,) in self.drops

    def trimmed(self, name: str) -> bool:
        """Whether this property, or something below it, is removed."""
        return any(path[0] in {name, f"{name}[]"} for path in self.drops)


class Draft:
    """An output object being put together."""

    def __init__(self) -> None:
        self.leaves: list[tuple[str, str, bool]] = []
        """Name, Python text, whether it may be None."""
        self.size = 0
        self.sizes: list[str] = []
        self.values: dict[str, Value] = {}
        """Scalar fields as they were before they were written for the document."""
        self.types: dict[str, Type] = {}


class Rows:
    """An array being filled: what its rows hold, and the totals kept while it grows."""

    def __init__(self, code: str, shape: Shape, totals: dict[str, str]) -> None:
        self.code = code
        self.items = shape.items
        self.totals = totals
        """Field -> variable with its sum so far; see `Produced.totals`."""
        self._found: list[dict[str, Type] | Type] = []

    def added(self, types: dict[str, Type] | Type) -> None:
        """Note the kinds of one more sort of row."""
        self._found.append(types)

    def shape(self) -> Shape:
        """Describe the rows by the kinds of their fields, so that they can be read back."""
        fields: dict[str, list[Type]] = {}
        for types in self._found:
            if isinstance(types, Type):
                return Shape.of({"type": "array", "items": _leaf_schema([types])})
            for name, type_ in types.items():
                fields.setdefault(name, []).append(type_)
        properties = {name: _leaf_schema(types) for name, types in fields.items()}
        items: dict[str, Any] = {"type": "object", "properties": properties}
        return Shape.of({"type": "array", "items": items})

    def settled_totals(self) -> dict[str, Value]:
        """Return the totals that may stand for a sum over the rows."""
        items = self.shape().items
        found: dict[str, Value] = {}
        for name, code in self.totals.items():
            field = items.child(name)
            if field is None or field.kind is not Kind.DECIMAL:
                continue
            types = [types[name] for types in self._found if isinstance(types, dict)]
            type_ = Type(
                kind=Kind.DECIMAL,
                scale=field.places[1],
                reads=frozenset().union(*(type_.reads for type_ in types)),
                phi=frozenset().union(*(type_.phi for type_ in types)),
            )
            found[name] = Value(code=f"({code} or ZERO)", type=type_)
        return found


def put_out(type_: Type, shape: Shape) -> Type:
    """Return the type a value has once it is in the output: its decimals fit the target."""
    if type_.kind is Kind.DECIMAL and shape.places[1] is not None:
        return msgspec.structs.replace(type_, scale=shape.places[1])
    return type_


def _leaf_schema(types: list[Type]) -> dict[str, Any]:
    kinds = {type_.kind for type_ in types}
    if len(kinds) > 1:
        return {}
    note = {"class": min(frozenset().union(*(type_.phi for type_ in types)), default="none")}
    match kinds.pop():
        case Kind.DECIMAL:
            scales = [8 if type_.scale is None else type_.scale for type_ in types]
            places = rf"(\.[0-9]{{1,{max(*scales, 1)}}})?"
            return {"type": "string", "pattern": f"^-?[0-9]+{places}$", "x-phi": note}
        case Kind.INTEGER | Kind.BOOLEAN as kind:
            return {"type": kind.value, "x-phi": note}
        case Kind.TEXT:
            return {"type": "string", "x-phi": note}
        case Kind.LIST | Kind.OBJECT | Kind.ANY:
            return {}
