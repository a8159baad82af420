"""A made-up contract in two majors for tests: 2.0 renames one field and splits another."""

import json
from pathlib import Path
from typing import Any

from gateway.registry import Registry, starter_root

__all__ = ["DOWN", "HEADER", "UP", "fields", "receipt", "receipt_site", "write_version"]

HEADER = """\
id: com.example.receipt
name: receipt
title: Receipt
owner: till
support: desk
status: draft
compatibility: FULL_TRANSITIVE
classification: restricted
retention_days: 30
versions:
  "1.0.0":
    status: active
    author: anna
    approved_by: ben
    active_at: "2026-01-01T00:00:00Z"
"""
UP = """\
mapping: receipt-1-to-2
version: 1.0.0
source: {contract: receipt, version: "^1"}
target: {contract: receipt, version: "^2"}
base: input
drop: [amount]
fields:
  total: amount
  payer:
    kind: left(payer, 1)
    name: right(payer, length(payer) - 2)
"""
DOWN = """\
mapping: receipt-2-to-1
version: 1.0.0
source: {contract: receipt, version: "^2"}
target: {contract: receipt, version: "^1"}
base: input
drop: [total, till]
fields:
  amount: total
  payer: concat(payer.kind, ":", payer.name)
"""

_MONEY = {"$ref": "../../common/1.0.0/money.json#/$defs/money"}


def text(length: int = 60, phi: str = "none") -> dict[str, Any]:
    """A text field."""
    note = {"class": phi} if phi == "none" else {"class": phi, "mask": "full"}
    return {"type": "string", "maxLength": length, "description": "A text.", "x-phi": note}


def fields(major: int) -> dict[str, Any]:
    """The properties of a major."""
    lines = {
        "type": "array",
        "description": "Lines.",
        "maxItems": 100,
        "items": {
            "type": "object",
            "description": "One line.",
            "properties": {"code": text(), "amount": _MONEY},
            "required": ["code", "amount"],
        },
    }
    if major == 1:
        return {
            "id": text(),
            "amount": _MONEY,
            "payer": text(phi="name"),
            "note": text(),
            "lines": lines,
        }
    payer = {
        "type": "object",
        "description": "Who paid.",
        "properties": {"kind": text(1, "name"), "name": text(phi="name")},
        "required": ["kind", "name"],
    }
    return {
        "id": text(),
        "total": _MONEY,
        "payer": payer,
        "note": text(),
        "lines": lines,
        "till": text(),
    }


def receipt() -> dict[str, Any]:
    """A document of 1.0.0."""
    return {
        "id": "r-1",
        "amount": "12.50",
        "payer": "P:Wren Tallow",
        "lines": [{"code": "A", "amount": "10.00"}, {"code": "B", "amount": "2.50"}],
    }


def write_version(
    root: Path,
    version: str,
    properties: dict[str, Any],
    *,
    required: tuple[str, ...],
    examples: tuple[dict[str, Any], ...] = (),
) -> None:
    """Write one version of the contract with its examples."""
    folder = root / "contracts/receipt" / version
    for kind in ("valid", "invalid"):
        (folder / "examples" / kind).mkdir(parents=True, exist_ok=True)
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"https://contracts.remithub.example/receipt/{version}/schema.json",
        "type": "object",
        "description": "A receipt.",
        "properties": properties,
        "required": list(required),
    }
    (folder / "schema.json").write_text(json.dumps(schema, indent=2))
    for number, document in enumerate(examples, 1):
        (folder / f"examples/valid/{number}.json").write_text(json.dumps(document))
    without = {"document": {}, "expect": {"pointer": "", "keyword": "required"}}
    (folder / "examples/invalid/empty.json").write_text(json.dumps(without))


def receipt_site(root: Path, *, up: str = UP, down: str = DOWN) -> Registry:
    """Write both majors and their migrations; an empty text is no file."""
    base = root / "contracts/receipt"
    new = receipt() | {
        "total": "12.50",
        "payer": {"kind": "P", "name": "Wren Tallow"},
        "till": "7",
    }
    new.pop("amount")
    write_version(
        root, "1.0.0", fields(1), required=("id", "amount", "payer"), examples=(receipt(),)
    )
    write_version(root, "2.0.0", fields(2), required=("id", "total", "payer"), examples=(new,))
    (base / "contract.yaml").write_text(HEADER)
    (base / "migrations").mkdir(exist_ok=True)
    for name, body in (("1-to-2", up), ("2-to-1", down)):
        if body:
            (base / f"migrations/{name}.yaml").write_text(body)
    return Registry(starter_root(), root)
