"""PHI keeps its class on every way through a mapping; only a hash ends it."""

from collections.abc import Callable
from typing import Any

import pytest

from gateway.translation import Mapping, MappingError, compile_mapping

Compile = Callable[..., Mapping]

TEXT = {"type": "string", "maxLength": 80}
NONE = {**TEXT, "x-phi": {"class": "none"}}
NAME = {**TEXT, "x-phi": {"class": "name", "mask": "full"}}


def record(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


SOURCE = record(
    plain=NONE,
    name=NAME,
    unmarked=TEXT,
    people={"type": "array", "items": record(name=NAME, plain=NONE)},
    person=record(name=NAME, plain=NONE),
)
TARGET = record(
    plain=NONE,
    name=NAME,
    unmarked=TEXT,
    flag={"type": "boolean", "x-phi": {"class": "none"}},
    count={"type": "integer", "x-phi": {"class": "none"}},
    texts={"type": "array", "items": NONE},
    people={"type": "array", "items": record(name=NAME, plain=NONE)},
    closed=record(name=NONE, plain=NONE),
    open=record(name=NAME, plain=NONE),
    total=NONE,
)
HEAD = "mapping: phi-test\nversion: 1.0.0\nsource: {schema: s}\ntarget: {schema: t}\n"


def compiled(body: str, source: dict[str, Any] = SOURCE) -> Mapping:
    return compile_mapping(
        HEAD + body,
        source_schema=source,
        target_schema=TARGET,
        tables=lambda name: "key,value\na,b\n*,c\n",
        file="phi.yaml",
    )


@pytest.mark.parametrize(
    "body",
    [
        "fields: {plain: name}",
        "fields: {plain: 'name? ?? plain'}",
        "fields: {plain: 'plain? ?? name'}",
        "fields: {plain: 'default(plain, name)'}",
        "fields: {plain: 'name if exists(plain) else plain'}",
        "fields: {plain: 'concat(plain, upper(left(name, 1)))'}",
        "fields: {plain: 'text(length(name))'}",
        "fields: {plain: 'first(p.name for p in people) ?? plain'}",
        "fields: {texts: list(p.name for p in people)}",
        "fields: {texts: [{each: p in people, row: p.name}]}",
        "fields: {texts: [{each: p in people, let: {x: p.name}, row: x}]}",
        "fields: {people: [{each: p in people, row: {plain: p.name}}]}",
        "fields: {closed: person}",
        "fields: {closed: {name: person.name}}",
        "fields: {plain: unmarked}",
        "fields: {name: name, plain: out.name}",
        "fields: {open: person, plain: 'person.name'}",
        "lookups: {t: {a: b, '*': c}}\nfields: {plain: 'lookup(t, name)'}",
        "lookups: {t: {table: t.csv, key: key, value: value}}\nfields: {plain: 'lookup(t, name)'}",
        "let: {x: name}\nfields: {plain: x}",
        (
            "fields:\n  people: [{each: p in people, row: {name: p.name, plain: p.plain}}]\n"
            "  plain: first(p.name for p in out.people) ?? plain"
        ),
    ],
)
def test_phi_never_reaches_a_field_marked_none(body: str) -> None:
    with pytest.raises(MappingError) as caught:
        compiled(body)
    assert caught.value.rule == "PHI_LEAK"
    assert "name" in caught.value.reason or "unannotated" in caught.value.reason


@pytest.mark.parametrize(
    "body",
    [
        "fields: {name: name, plain: plain}",
        "fields: {unmarked: name}",
        "fields: {plain: 'hash_id(\"p\", name)'}",
        "fields: {flag: exists(name)}",
        "fields: {flag: 'name == \"x\"'}",
        "fields: {flag: 'starts_with(name, \"x\")'}",
        "fields: {count: count(people)}",
        "fields: {open: person}",
        "fields: {people: people}",
        "fields: {texts: list(p.plain for p in people)}",
    ],
)
def test_what_is_allowed_compiles(body: str) -> None:
    assert compiled(body).name == "phi-test"


def test_a_schema_without_any_annotation_is_not_checked() -> None:
    bare = record(name=TEXT)
    assert compiled("fields: {plain: name}", bare).run({"name": "x"}, {}) == {"plain": "x"}


def test_a_base_does_not_carry_phi_into_a_field_marked_none() -> None:
    with pytest.raises(MappingError) as caught:
        compile_mapping(
            HEAD + "base: input\nfields: {plain: plain}\n",
            source_schema=record(plain=NONE, name=NAME),
            target_schema=record(plain=NONE, name=NONE),
            tables=lambda name: name,
            file="phi.yaml",
        )
    assert "PHI" in caught.value.reason
