"""`explain` tells where a field comes from: expression, line, places, kinds; never a value."""

from collections.abc import Callable
from typing import Any

import msgspec

from gateway.translation import Mapping

Compile = Callable[..., Mapping]
Document = dict[str, Any]

BODY = """let:
  who: upper(person.name)
fields:
  id: id
  note: note?
  owner: concat(who, " / ", id)
  total: sum(line.amount for line in lines)
  lines:
    - each: line in lines
      emit:
        - when: line.amount > 5.00
          row: {seq: seq(), amount: line.amount, code: line.code}
        - each: part in line.parts?
          row: {seq: seq(), amount: part.amount}
"""


def test_a_field_is_traced_to_its_sources(compile_text: Compile, document: Document) -> None:
    trace = compile_text(BODY).explain("/owner", document, {})
    (field,) = trace.fields
    assert field.target_pointer == "/owner"
    assert field.expression == 'concat(who, " / ", id)'
    assert field.yaml_line == 10
    assert field.source_pointers == ("/id", "/person/name")
    assert (field.kind, field.phi, field.present) == ("text", ("name",), True)


def test_a_row_is_traced_to_its_item(compile_text: Compile, document: Document) -> None:
    trace = compile_text(BODY).explain("/lines/2", document, {})
    assert [(f.target_pointer, f.source_pointers) for f in trace.fields] == [
        ("/lines/2/seq", ()),
        ("/lines/2/amount", ("/lines/0/parts/1/amount",)),
    ]


def test_an_absent_field_and_a_sum_are_traced_too(
    compile_text: Compile, document: Document
) -> None:
    fields = {f.target_pointer: f for f in compile_text(BODY).explain("", document, {}).fields}
    assert not fields["/note"].present
    assert fields["/total"].source_pointers == ("/lines/*/amount",)
    assert "/lines/1/amount" in fields
    assert "/lines/10/amount" not in fields


def test_a_prefix_is_a_whole_step(compile_text: Compile, document: Document) -> None:
    mapping = compile_text(BODY)
    assert mapping.explain("/line", document, {}).fields == ()
    assert len(mapping.explain("/lines/1", document, {}).fields) == 2
    assert len(mapping.explain("lines.1", document, {}).fields) == 2


def test_a_trace_holds_no_value(compile_text: Compile, document: Document) -> None:
    document["person"]["name"] = "CANARY"
    told = msgspec.json.encode(compile_text(BODY).explain("", document, {}))
    assert b"CANARY" not in told
    assert b"12.50" not in told


def test_tracing_changes_nothing(compile_text: Compile, document: Document) -> None:
    mapping = compile_text(BODY)
    before = mapping.run(document, {})
    mapping.explain("", document, {})
    assert mapping.run(document, {}) == before


def test_a_mapping_tells_all_it_reads(compile_text: Compile) -> None:
    assert compile_text(BODY).reads == {
        "/id",
        "/lines",
        "/lines/*/amount",
        "/lines/*/code",
        "/lines/*/parts",
        "/lines/*/parts/*/amount",
        "/note",
        "/person/name",
    }
