"""Writes a contract version as an Open Data Contract Standard 3.1 document."""

from collections.abc import Iterator
from typing import Any

from gateway.governance.export.published import Published
from gateway.governance.subschemas import Schema

__all__ = ["odcs_document"]

API_VERSION = "v3.1.0"
_STATUS = {"sunset": "deprecated", "withdrawn": "retired"}
"""ODCS knows proposed, draft, active, deprecated and retired."""

_DATES = {"date": "date", "date-time": "timestamp"}
_UNITS = {"seconds": "s", "minutes": "m", "hours": "h", "days": "d"}
_TEXT_OPTIONS = ("minLength", "maxLength", "pattern")

Property = dict[str, Any]


def odcs_document(contract: Published) -> dict[str, Any]:
    """Return the document: header, fields with classification, service levels, team, roles."""
    return _filled(
        {
            "apiVersion": API_VERSION,
            "kind": "DataContract",
            "id": contract.id or contract.identity,
            "name": contract.name,
            "version": contract.version,
            "status": _STATUS.get(contract.status, contract.status),
            "description": _filled({"purpose": contract.summary}),
            "tags": _tags(contract),
            "schema": [_object(contract)],
            "slaProperties": list(_service(contract)),
            "support": [{"channel": contract.support}] if contract.support else [],
            "team": {"name": contract.owner} if contract.owner else {},
            "roles": [
                {
                    "role": "producer",
                    "access": "write",
                    "description": "Hands documents over: granted a product with this contract.",
                },
                {
                    "role": "consumer",
                    "access": "read",
                    "description": "Is sent or follows the events; sees PHI up to its data ceiling.",
                },
            ],
            "customProperties": _custom(contract),
        }
    )


def _filled(values: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is empty; False and 0 say something."""
    return {key: value for key, value in values.items() if value not in ("", [], {}, None)}


def _tags(contract: Published) -> list[str]:
    return [word for word in (contract.classification, contract.regulation) if word]


def _custom(contract: Published) -> list[dict[str, Any]]:
    values = {
        "title": contract.title,
        "compatibility": contract.compatibility,
        "classification": contract.classification,
        "regulation": contract.regulation,
        "mediaType": contract.media_type,
        "successor": contract.successor,
        "events": ", ".join(contract.events),
    }
    return [{"property": name, "value": value} for name, value in values.items() if value]


def _service(contract: Published) -> Iterator[dict[str, Any]]:
    """Yield the service levels; `latency_seconds: 900` is a latency of 900 s."""
    for name, value in contract.service.items():
        word, _, unit = name.rpartition("_")
        if unit in _UNITS:
            yield {"property": word, "value": value, "unit": _UNITS[unit]}
        else:
            yield {"property": name, "value": value}
    if contract.retention_days:
        yield {"property": "retention", "value": contract.retention_days, "unit": "d"}
    moments = contract.moments
    dated = {
        "generalAvailability": moments.active_at,
        "endOfSupport": moments.sunset_at,
        "endOfLife": moments.retired_at,
    }
    yield from ({"property": name, "value": at} for name, at in dated.items() if at)


# -- fields ------------------------------------------------------------------------------------


def _object(contract: Published) -> dict[str, Any]:
    return _filled(
        {
            "name": contract.name,
            "businessName": contract.title,
            "description": contract.summary,
            "logicalType": "object",
            "physicalType": "json",
            "properties": _Fields(contract).below(contract.schema, ()),
        }
    )


class _Fields:
    """Writes the fields of one contract; a type inside itself stops at its name."""

    def __init__(self, contract: Published) -> None:
        self._types: dict[str, Any] = contract.schema.get("$defs", {})
        self._plain = "confidential" if contract.classification == "confidential" else "internal"

    def below(self, schema: Schema, seen: tuple[str, ...]) -> list[Property]:
        required = set(schema.get("required", []))
        return [
            {"name": name, "required": name in required, **self._one(written, seen)}
            for name, written in schema.get("properties", {}).items()
        ]

    def _one(self, written: Any, seen: tuple[str, ...]) -> Property:
        schema, names = self._resolved(written if isinstance(written, dict) else {})
        phi = schema.get("x-phi", {"class": "none"})
        guarded = phi["class"] != "none"
        again = bool(set(names) & set(seen))
        return _filled(
            {
                **_kind(schema),
                "description": schema.get("description", ""),
                "classification": "restricted" if guarded else self._plain,
                "criticalDataElement": True if "x-money" in schema else None,
                "customProperties": _extras(schema, phi),
                **({} if again else self._inside(schema, (*seen, *names))),
            }
        )

    def _inside(self, schema: Schema, seen: tuple[str, ...]) -> Property:
        if "items" in schema:
            return {"items": self._one(schema["items"], seen)}
        return {"properties": self.below(schema, seen)}

    def _resolved(self, schema: Schema) -> tuple[Schema, tuple[str, ...]]:
        """Return the schema with its type's keywords beneath its own, and the types' names."""
        names: tuple[str, ...] = ()
        while "$ref" in schema:
            name = str(schema["$ref"]).rpartition("/")[2]
            names += (name,)
            schema = self._types[name] | {key: schema[key] for key in schema if key != "$ref"}
        return schema, names


def _kind(schema: Schema) -> Property:
    """Return logical and physical type: a decimal string is a number that no float ever touches."""
    if "x-money" in schema or "x-decimal" in schema:
        return {"logicalType": "number", "physicalType": "decimal string"}
    kind = schema.get("type", "string" if "enum" in schema or "const" in schema else "object")
    if kind == "string" and schema.get("format") in _DATES:
        return {"logicalType": _DATES[schema["format"]], "physicalType": "string"}
    options = {key: schema[key] for key in _TEXT_OPTIONS if key in schema}
    known = {"string": {"logicalTypeOptions": options}} if options else {}
    return {"logicalType": kind, "physicalType": kind, **known.get(kind, {})}


def _extras(schema: Schema, phi: dict[str, Any]) -> list[dict[str, Any]]:
    codes = schema.get("enum", [schema["const"]] if "const" in schema else [])
    values = {
        "validValues": ", ".join(str(code) for code in codes),
        "codeSet": schema.get("x-code-set", ""),
        "extensible": schema.get("x-extensible", ""),
        "phiClass": phi["class"] if phi["class"] != "none" else "",
        "phiMask": phi.get("mask", "") if phi["class"] != "none" else "",
    }
    return [{"property": name, "value": value} for name, value in values.items() if value]
