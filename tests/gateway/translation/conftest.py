"""A small invented contract to translate from and to, and short ways to compile against it."""

from collections.abc import Callable
from typing import Any

import pytest

from gateway.translation import DEFAULT_LIMITS, Limits, Mapping, compile_mapping

HEAD = """mapping: try-it
version: 1.0.0
source: {schema: source.json}
target: {schema: target.json}
"""
HEAD_LINES = HEAD.count("\n")

Schema = dict[str, Any]


def text(phi: str = "none", **more: Any) -> Schema:
    return {"type": "string", "x-phi": {"class": phi}, **more}


def record(required: list[str], **properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": required}


def array(items: Schema) -> Schema:
    return {"type": "array", "items": items}


MONEY: Schema = {
    "type": "string",
    "pattern": r"^-?(0|[1-9][0-9]{0,12})\.[0-9]{2}$",
    "x-money": {"scale": 2},
    "x-phi": {"class": "none"},
}
RATE: Schema = {
    "type": "string",
    "pattern": r"^-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,6})?$",
    "x-phi": {"class": "none"},
}
INTEGER: Schema = {"type": "integer", "x-phi": {"class": "none"}}
BOOLEAN: Schema = {"type": "boolean", "x-phi": {"class": "none"}}

SOURCE: Schema = record(
    ["id", "amount", "count", "open", "person", "lines"],
    id=text(),
    amount={"$ref": "#/$defs/money"},
    rate=RATE,
    count=INTEGER,
    open=BOOLEAN,
    note=text(),
    seen=text(format="date"),
    tags=array(text()),
    person=record(["name"], name=text("name"), city=text()),
    lines=array(
        record(
            ["code", "amount"],
            code=text(),
            amount={"$ref": "#/$defs/money"},
            parts=array(record(["amount"], amount=MONEY)),
        )
    ),
) | {"$defs": {"money": MONEY}}

TARGET: Schema = record(
    ["id"],
    id=text(),
    total=MONEY,
    rate=RATE,
    number={"type": "number", "x-phi": {"class": "none"}},
    count=INTEGER,
    open=BOOLEAN,
    note=text(maxLength=40),
    kind=text(enum=["big", "small"]),
    mood=text(enum=["glad"], **{"x-extensible": True}),
    owner=text("name"),
    tags=array(text()),
    box=record(["inner"], inner=text(), outer=text()),
    place=record([], city=text()),
    lines=array(record(["seq", "amount"], seq=INTEGER, amount=MONEY, code=text())),
    sums=record([], all=MONEY, even=BOOLEAN),
)

Compile = Callable[..., Mapping]


@pytest.fixture
def document() -> dict[str, Any]:
    return {
        "id": "R-1",
        "amount": "12.50",
        "rate": "0.385",
        "count": 3,
        "open": True,
        "seen": "2026-05-17",
        "tags": ["red", "blue"],
        "person": {"name": "Robin Example", "city": "Harborton"},
        "lines": [
            {"code": "A", "amount": "10.00", "parts": [{"amount": "4.00"}, {"amount": "6.00"}]},
            {"code": "B", "amount": "2.50"},
        ],
    }


@pytest.fixture
def compile_text() -> Compile:
    """Compile the part of a mapping below its head against SOURCE and TARGET."""

    def compiled(
        body: str,
        *,
        source: Schema | None = SOURCE,
        target: Schema | None = TARGET,
        tables: dict[str, str] | None = None,
        limits: Limits = DEFAULT_LIMITS,
    ) -> Mapping:
        files = tables or {}
        return compile_mapping(
            HEAD + body,
            source_schema=source,
            target_schema=target,
            tables=lambda name: files[name],
            file="mapping.yaml",
            limits=limits,
        )

    return compiled


@pytest.fixture
def head_lines() -> int:
    """Lines above the body that `compile_text` takes."""
    return HEAD_LINES


@pytest.fixture
def source_schema() -> Schema:
    return SOURCE


@pytest.fixture
def target_schema() -> Schema:
    return TARGET
