"""Makes the option tables of the connectors' READMEs from their settings structs."""

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import NODEFAULT, UNSET, inspect

__all__ = ["options_table"]

_HEAD = "| option | type | default | meaning |\n|---|---|---|---|"
_SIMPLE: dict[type[inspect.Type], str] = {
    inspect.StrType: "text",
    inspect.IntType: "whole number",
    inspect.FloatType: "number",
    inspect.BoolType: "true or false",
    inspect.AnyType: "any",
    inspect.NoneType: "null",
}


def options_table(settings: type[msgspec.Struct]) -> str:
    """Return the options of a settings struct as Markdown: one table, then one per part.

    Names, types, bounds, defaults and words all come from the struct. Raises TypeError for a
    type that a settings struct should not have.
    """
    root = inspect.type_info(settings)
    if not isinstance(root, inspect.StructType):
        raise TypeError(f"{settings.__name__} is no struct")
    sections = [_table(root)]
    sections += [
        f"**{title}** {_words(struct)}\n\n{_table(struct)}".strip()
        for title, struct in _parts(root, "", set())
    ]
    return "\n\n".join(sections) + "\n"


def _parts(
    struct: inspect.StructType, prefix: str, seen: set[type]
) -> Iterator[tuple[str, inspect.StructType]]:
    for field in struct.fields:
        path = f"{prefix}{field.encode_name}"
        for inner, mark in _structs(field.type):
            if inner.cls in seen or not inner.fields:
                continue
            seen.add(inner.cls)
            title = f"`{path}{mark}`" + (f" with `type: {inner.tag}`" if inner.tag else "")
            yield title, inner
            yield from _parts(inner, f"{path}{mark}.", seen)


def _structs(kind: inspect.Type) -> Iterator[tuple[inspect.StructType, str]]:
    match kind:
        case inspect.Metadata():
            yield from _structs(kind.type)
        case inspect.StructType():
            yield kind, ""
        case inspect.UnionType():
            for option in kind.types:
                yield from _structs(option)
        case inspect.ListType() | inspect.VarTupleType():
            for inner, mark in _structs(kind.item_type):
                yield inner, f"[]{mark}"
        case _:
            return


def _table(struct: inspect.StructType) -> str:
    return "\n".join([_HEAD, *(_row(field) for field in struct.fields)])


def _row(field: inspect.Field) -> str:
    cells = (
        f"`{field.encode_name}`",
        _kind(field.type),
        _default(field),
        _description(field.type),
    )
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _words(struct: inspect.StructType) -> str:
    return " ".join((struct.cls.__doc__ or "").split())


def _description(kind: inspect.Type) -> str:
    if isinstance(kind, inspect.Metadata):
        schema = kind.extra_json_schema or {}
        return str(schema.get("description", "")) or _description(kind.type)
    return ""


def _default(field: inspect.Field) -> str:
    if field.required:
        return "required"
    if field.default_factory is not NODEFAULT:
        value: Any = field.default_factory()
    else:
        value = field.default
    if value is UNSET or value is NODEFAULT or value is None or value in ("", [], {}, ()):
        return ""
    if isinstance(value, msgspec.Struct) or (isinstance(value, list) and _has_struct(value)):
        return "see below"
    return f"`{msgspec.json.encode(value).decode()}`".replace('`"', "`").replace('"`', "`")


def _has_struct(values: list[Any]) -> bool:
    return any(isinstance(value, msgspec.Struct) for value in values)


def _kind(kind: inspect.Type) -> str:
    simple = _SIMPLE.get(type(kind))
    if simple is not None:
        return simple + _bounds(kind)
    match kind:
        case inspect.Metadata():
            return _kind(kind.type)
        case inspect.LiteralType():
            return _choice(list(kind.values))
        case inspect.EnumType():
            return _choice([member.value for member in kind.cls])
        case inspect.StructType():
            return "options"
        case _:
            return _compound(kind)


def _compound(kind: inspect.Type) -> str:
    match kind:
        case inspect.UnionType():  # null only says that the option need not be given
            told = [option for option in kind.types if not isinstance(option, inspect.NoneType)]
            return " or ".join(dict.fromkeys(_kind(option) for option in told))
        case inspect.ListType() | inspect.VarTupleType():
            return f"list of {_kind(kind.item_type)}"
        case inspect.TupleType():
            return " then ".join(_kind(item) for item in kind.item_types)
        case inspect.DictType():
            return f"map of {_kind(kind.value_type)}"
        case _:
            raise TypeError(f"{type(kind).__name__} has no place in settings")


def _choice(values: list[Any]) -> str:
    return "one of " + ", ".join(f"`{value}`" for value in values)


def _bounds(kind: inspect.Type) -> str:
    low = _first(kind, "ge", "gt")
    high = _first(kind, "le", "lt")
    match low, high:
        case None, None:
            return ""
        case _, None:
            return f", from {low}"
        case None, _:
            return f", up to {high}"
        case _:
            return f", {low} to {high}"


def _first(kind: inspect.Type, *names: str) -> int | float | None:
    """Return the first bound of those names that is set."""
    for name in names:
        value: int | float | None = getattr(kind, name, None)
        if value is not None:
            return value
    return None
