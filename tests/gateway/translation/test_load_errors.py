"""Every documented reason to refuse a mapping, each with its file and line."""

from collections.abc import Callable
from typing import Any

import pytest

from gateway.translation import Mapping, MappingError, compile_mapping

Compile = Callable[..., Mapping]

CASES = [
    # rule, line within the body, part of the reason, body
    ("YAML", 3, "given twice", "fields:\n  id: id\n  id: id\n"),
    ("YAML", 2, "aliases", "fields:\n  id: &x id\n  note: *x\n"),
    ("YAML", 2, "tags", "fields:\n  id: !!python/name:os.system id\n"),
    ("YAML", 2, "quote an expression", "fields:\n  box: {inner: id, outer: note?}\n"),
    ("STRUCTURE", 1, "unknown key 'feilds'", "feilds:\n  id: id\n"),
    ("STRUCTURE", 1, "'fields' is a mapping", "fields: [id]\n"),
    ("STRUCTURE", 2, "must be an expression", "fields:\n  id:\n"),
    ("YAML", 2, "comma inside", "fields:\n  box: {inner: concat(id, id)}\n"),
    ("STRUCTURE", 3, "'row' or 'emit'", "fields:\n  id: id\n  tags: [{when: open}]\n"),
    ("STRUCTURE", 3, "'rwo' is none of", "fields:\n  id: id\n  tags: [{rwo: id, row: id}]\n"),
    ("STRUCTURE", 1, "'let' maps", "let: [a]\nfields: {id: id}\n"),
    ("STRUCTURE", 1, "'drop' needs", "drop: [note]\nfields: {id: id}\n"),
    ("STRUCTURE", 1, "only be 'input'", "base: output\nfields: {id: id}\n"),
    ("STRUCTURE", 2, "'that' and 'else'", "fields: {id: id}\nassert: [{that: open}]\n"),
    ("STRUCTURE", 2, "a code", "fields: {id: id}\nassert: [{that: 'true', else: it is wrong}]\n"),
    ("SYNTAX", 2, "column 6", "fields:\n  id: id + )\n"),
    ("SYNTAX", 3, "column 6", "fields:\n  id: id\n  note: note.__class__\n"),
    ("TOO_LARGE", 2, "deeply", f"fields:\n  id: {'(' * 99}id{')' * 99}\n"),
    ("NAME_UNKNOWN", 2, "first argument", "fields:\n  id: lookup(nope, id)\n"),
    ("NAME_TAKEN", 1, "'id' already", "let: {id: note}\nfields: {id: id}\n"),
    ("NAME_TAKEN", 1, "'out' already", "let: {out: note}\nfields: {id: id}\n"),
    ("PATH_UNKNOWN", 2, "'person.nome'", "fields:\n  id: person.nome\n"),
    ("PATH_UNKNOWN", 3, "'nope'", "fields:\n  id: id\n  tags: [{each: x in nope, row: x}]\n"),
    ("PATH_THROUGH_ARRAY", 2, "lines.code", "fields:\n  id: lines.code\n"),
    ("OUT_NOT_YET", 2, "before this line", "fields:\n  id: out.note\n  note: id\n"),
    ("FUNCTION_UNKNOWN", 2, "'eval'", 'fields:\n  id: eval("1")\n'),
    ("ARGUMENTS", 2, "3 arguments", "fields:\n  id: left(id, 1, 2)\n"),
    ("TYPE_MISMATCH", 2, "two numbers", "fields:\n  id: id + amount\n"),
    ("TYPE_MISMATCH", 2, "wants text", "fields:\n  id: amount\n"),
    ("TYPE_MISMATCH", 3, "wants decimal", "fields:\n  id: id\n  total: id\n"),
    ("TYPE_MISMATCH", 3, "gives integer", "fields:\n  id: id\n  total: 0\n"),
    ("TYPE_MISMATCH", 3, "wants integer", "fields:\n  id: id\n  count: 1.0\n"),
    (
        "TYPE_MISMATCH",
        3,
        "wants boolean",
        "fields:\n  id: id\n  open: '\"true\"'\n",
    ),
    ("TYPE_MISMATCH", 3, "'lines' is list", "fields:\n  id: id\n  lines: {seq: 1}\n"),
    ("TYPE_MISMATCH", 3, "'box' is object", "fields:\n  id: id\n  box: [{row: id}]\n"),
    ("MAY_BE_ABSENT", 2, "'id' is required", "fields:\n  id: note?\n"),
    ("MAY_BE_ABSENT", 2, "default", "fields:\n  id: concat(note?, id)\n"),
    ("DIVISION_UNROUNDED", 3, "rounded", "fields:\n  id: id\n  total: amount / 3\n"),
    ("MONEY_SCALE", 3, "up to 8", "fields:\n  id: id\n  total: amount * rate\n"),
    ("MONEY_SCALE", 3, "up to 3", "fields:\n  id: id\n  total: amount + 0.001\n"),
    ("TARGET_UNKNOWN", 3, "'nope'", "fields:\n  id: id\n  nope: id\n"),
    ("TARGET_UNKNOWN", 4, "'nope'", "fields:\n  id: id\n  box:\n    nope: id\n"),
    ("TARGET_MISSING", 1, "'id'", "fields:\n  note: id\n"),
    ("TARGET_MISSING", 3, "'inner'", "fields:\n  id: id\n  box:\n    outer: id\n"),
    ("TARGET_MISSING", 4, "'amount'", "fields:\n  id: id\n  lines:\n    - row: {seq: seq()}\n"),
    ("CONSTANT_REFUSED", 3, "closed list", "fields:\n  id: id\n  kind: '\"huge\"'\n"),
    ("CONSTANT_REFUSED", 3, "too short or long", f"fields:\n  id: id\n  note: '\"{'x' * 41}\"'\n"),
    ("PHI_LEAK", 2, "PHI (name)", "fields:\n  id: person.name\n"),
    ("PHI_LEAK", 2, "PHI (name)", "fields:\n  id: concat(id, left(person.name, 1))\n"),
    ("PHI_LEAK", 3, "PHI (name)", "let: {who: upper(person.name)}\nfields:\n  id: who\n"),
    (
        "PHI_LEAK",
        3,
        "PHI (name)",
        "lookups: {t: {a: b, '*': c}}\nfields:\n  id: lookup(t, person.name)\n",
    ),
    ("PHI_LEAK", 3, "PHI (name)", "fields:\n  id: id\n  tags: list(person.name for t in tags)\n"),
    ("PHI_LEAK", 2, "PHI (name)", "fields:\n  id: person.name if open else id\n"),
    ("TYPE_MISMATCH", 3, "name is unknown", "fields:\n  id: id\n  place: person\n"),
    ("LOOKUP_INVALID", 1, "needs rows", "lookups: {t: x}\nfields: {id: id}\n"),
    (
        "LOOKUP_INVALID",
        1,
        "cannot be read",
        "lookups: {t: {table: no.csv, key: a, value: b}}\nfields: {id: id}\n",
    ),
    ("UNUSED", 1, "lookup 't'", "lookups: {t: {a: b}}\nfields: {id: id}\n"),
    ("UNUSED", 1, "'a' is never", "let: {a: id}\nfields: {id: id}\n"),
    (
        "UNUSED",
        4,
        "'a' is never",
        "fields:\n  id: id\n  tags:\n    - {each: t in tags, let: {a: t}, row: t}\n",
    ),
]


@pytest.mark.parametrize(("rule", "line", "reason", "body"), CASES)
def test_a_wrong_mapping_is_refused_with_file_and_line(
    rule: str, line: int, reason: str, body: str, compile_text: Compile, head_lines: int
) -> None:
    with pytest.raises(MappingError) as caught:
        compile_text(body)
    error = caught.value
    assert (error.rule, error.file, error.line) == (rule, "mapping.yaml", head_lines + line)
    assert reason in error.reason
    assert f"mapping.yaml:{head_lines + line}: [{rule}]" in str(error)


HEADS = [
    (1, "a YAML mapping", "- mapping\n"),
    (1, "empty", ""),
    (1, "'mapping' must be given", "mapping: Not A Name\n"),
    (1, "'version' must be given", "mapping: a-name\n"),
    (2, "'version' must be given", "mapping: a-name\nversion: 1.0\n"),
    (2, "'source' must be given", "version: 1.0.0\nmapping: a-name\n"),
    (3, "names one of", "mapping: a-name\nversion: 1.0.0\nsource: {contract: x}\n"),
    (3, "names one of", "mapping: a-name\nversion: 1.0.0\nsource: {format: x, schema: y}\n"),
    (3, "holds contract", "mapping: a-name\nversion: 1.0.0\nsource: {kontrakt: x}\n"),
    (3, "true or left out", "mapping: a-name\nversion: 1.0.0\nsource: {any: NO}\n"),
]


@pytest.mark.parametrize(("line", "reason", "text"), HEADS)
def test_a_wrong_head_is_refused_with_file_and_line(line: int, reason: str, text: str) -> None:
    with pytest.raises(MappingError) as caught:
        compile_mapping(
            text, source_schema=None, target_schema=None, tables=lambda name: name, file="m.yaml"
        )
    assert reason in caught.value.reason
    # What is missing altogether is told at the first line.
    assert (caught.value.file, caught.value.line in {1, line}) == ("m.yaml", True)


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"$ref": "#/$defs/no"}, "leads nowhere"),
        ({"$ref": "https://example.org/schema.json"}, "not bundled"),
        ({"properties": {"id": {"$ref": "other.json"}}}, "not bundled"),
        ({"$defs": {"a": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}, "circle"),
    ],
)
def test_a_schema_that_does_not_stand_alone_is_refused(
    schema: dict[str, Any], reason: str, compile_text: Compile
) -> None:
    with pytest.raises(MappingError, match=reason) as caught:
        compile_text("fields:\n  id: id\n", source=schema)
    assert caught.value.rule == "SCHEMA"
    assert caught.value.line > 0


@pytest.mark.parametrize(
    "text",
    [
        "a: " + "[" * 3_000,
        "a: " + "{a: " * 3_000,
        "a: &a [1]\nb: &b [*a, *a]\nc: [*b, *b]\n",
        "a: \x00",
        "\t- x: [",
        "a" * 300_000,
    ],
)
def test_hostile_yaml_is_refused(text: str) -> None:
    with pytest.raises(MappingError) as caught:
        compile_mapping(
            text, source_schema=None, target_schema=None, tables=lambda name: name, file="m.yaml"
        )
    assert caught.value.line >= 1
