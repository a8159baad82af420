"""Writes the fields of a contract as a Markdown table, for its README and the command line."""

from collections.abc import Iterator
from typing import Any

import msgspec

from gateway.governance.subschemas import Schema
from gateway.registry import ContractVersion, ServiceLevel

__all__ = ["Field", "contract_fields", "contract_table"]

_KINDS = {"business_date": "date", "patient_date": "date", "instant": "date and time, UTC"}


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One field of a contract. `path` reads `claims[].paid`; `code_set` names who keeps its codes."""

    path: str
    kind: str
    required: bool
    phi: str
    mask: str
    description: str
    code_set: str = ""


def contract_fields(schema: Schema) -> list[Field]:
    """List the fields of a schema that stands alone, in its order; recursive types stop."""
    return list(_fields(schema, schema.get("$defs", {}), "", ()))


def contract_table(contract: ContractVersion, schema: Schema) -> str:
    """Return what there is to know of a contract version: its header in a line, its fields."""
    header = contract.header
    events = ", ".join(f"`{event}`" for event in header.events)
    rows = "\n".join(_row(field) for field in contract_fields(schema))
    return (
        f"Version {contract.version}, {contract.status}. Owner: {header.owner}. "
        f"Compatibility: {header.compatibility}. Classification: {header.classification}. "
        f"Kept {header.retention_days} days.{_promise(header.sla)} Events: {events}.\n\n"
        f"| field | type | required | PHI | meaning |\n|---|---|---|---|---|\n{rows}\n"
    )


def _promise(level: ServiceLevel) -> str:
    parts = [level.frequency.replace("_", " ")]
    parts += [f"within {level.latency_seconds} s"] if level.latency_seconds else []
    parts += [f"available {level.availability_percent} %"] if level.availability_percent else []
    said = ", ".join(part for part in parts if part)
    return f" Comes {said}." if said else ""


def _row(field: Field) -> str:
    phi = f"{field.phi}, shown as {field.mask}" if field.phi != "none" else ""
    cells = (f"`{field.path}`", field.kind, "yes" if field.required else "", phi)
    meaning = field.description.replace("|", "\\|")
    return "| " + " | ".join((*cells, meaning)) + " |"


def _fields(
    schema: Schema, types: dict[str, Any], path: str, seen: tuple[str, ...]
) -> Iterator[Field]:
    required = set(schema.get("required", []))
    for name, written in schema.get("properties", {}).items():
        place = f"{path}.{name}" if path else name
        target, names = _resolve(written, types)
        yield _field(place, target, names, required=name in required)
        if not set(names) & set(seen):
            yield from _below(target, types, place, (*seen, *names))


def _below(
    schema: Schema, types: dict[str, Any], place: str, seen: tuple[str, ...]
) -> Iterator[Field]:
    if "items" not in schema:
        yield from _fields(schema, types, place, seen)
        return
    item, names = _resolve(schema["items"], types)
    if not set(names) & set(seen):
        yield from _fields(item, types, f"{place}[]", (*seen, *names))


def _resolve(schema: Schema, types: dict[str, Any]) -> tuple[Schema, tuple[str, ...]]:
    """Return the schema with its type's keywords beneath its own, and the types' names."""
    names: tuple[str, ...] = ()
    while "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        names += (name,)
        schema = types[name] | {key: schema[key] for key in schema if key != "$ref"}
    return schema, names


def _field(place: str, schema: Schema, names: tuple[str, ...], *, required: bool) -> Field:
    phi = schema.get("x-phi", {"class": "none"})
    return Field(
        path=place + ("[]" if schema.get("type") == "array" else ""),
        kind=_kind(schema, names),
        required=required,
        phi=phi["class"],
        mask=phi.get("mask", "keep"),
        description=str(schema.get("description", "")),
        code_set=str(schema.get("x-code-set", "")),
    )


def _kind(schema: Schema, names: tuple[str, ...]) -> str:
    if "x-money" in schema:
        return "money"
    if "x-decimal" in schema:
        return "decimal"
    if "const" in schema:
        return f"always `{msgspec.json.encode(schema['const']).decode()}`"
    if "enum" in schema:
        more = " or a newer code" if schema.get("x-extensible") else ""
        return ", ".join(f"`{value}`" for value in schema["enum"]) + more
    if names and names[-1] in _KINDS:
        return _KINDS[names[-1]]
    bound = f" to {schema['maxLength']}" if "maxLength" in schema else ""
    return {"string": "text"}.get(str(schema.get("type")), str(schema.get("type"))) + bound
