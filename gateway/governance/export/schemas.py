"""Moves a schema that stands alone into a larger document: its types get names of their own there."""

from collections.abc import Iterable
from typing import Any

from gateway.governance.export.published import Published
from gateway.governance.subschemas import Place, Schema, rebuild

__all__ = ["JSON_SCHEMA_FORMAT", "component_name", "moved", "newest", "types_of"]

JSON_SCHEMA_FORMAT = "application/schema+json;version=draft-2020-12"
"""How AsyncAPI names the dialect of our contracts."""

_OWN = "#/$defs/"


def component_name(contract: Published) -> str:
    """Return the contract's name among the components: `remittance-advice.v1`."""
    return f"{contract.name}.v{contract.major}"


def newest(contracts: Iterable[Published]) -> list[Published]:
    """Return the newest version of every major that may still be used, by name and major."""
    found: dict[tuple[str, str], Published] = {}
    for contract in sorted(contracts, key=lambda one: (one.name, one.number)):
        if contract.status not in ("retired", "withdrawn"):
            found[contract.name, contract.major] = contract
    return list(found.values())


def types_of(contract: Published) -> dict[str, Schema]:
    """Return the contract and its types as components of one document, by their names.

    `remittance-advice.v1` is the document, `remittance-advice.v1.money` a type of it; no reference
    leaves the components.
    """
    name = component_name(contract)
    types: dict[str, Any] = contract.schema.get("$defs", {})
    where = f"#/components/schemas/{name}."
    parts = {f"{name}.{key}": moved(body, where) for key, body in types.items()}
    return {name: moved(contract.schema, where), **parts}


def moved(schema: Schema, where: str) -> Schema:
    """Return the schema without types of its own: `#/$defs/money` becomes `where` + "money".

    What names the document itself (`$schema`, `$id`) is dropped: inside another document it would
    change what a reference means (JSON Schema Core 2020-12, 8.2.1).
    """

    def change(part: Schema, _: Place) -> Schema:
        reference = part.get("$ref")
        if isinstance(reference, str) and reference.startswith(_OWN):
            return part | {"$ref": where + reference.removeprefix(_OWN)}
        return part

    own = {key: value for key, value in schema.items() if key not in ("$defs", "$schema", "$id")}
    return rebuild(own, change, Place.CHILD)
