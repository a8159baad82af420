"""A document that cannot be translated: the error names every place and no value."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from gateway.errors import Reject
from gateway.translation import Mapping, Untranslatable

Compile = Callable[..., Mapping]
Document = dict[str, Any]

BODY = """let:
  day: year_month(seen)
lookups:
  known: {A: one, B: two}
fields:
  id: id
  note: day
  total: round_half_up(amount / rate, 2)
  lines:
    - each: line in lines
      emit:
        - row: {seq: seq(), amount: line.amount, code: 'lookup(known, line.code)'}
        - each: part in line.parts?
          row: {seq: seq(), amount: part.amount}
assert:
  - {that: total > 0.00, else: NOT_POSITIVE}
"""

FAULTS = [
    # change, code, line of the body, target pointer, source pointer
    ({"id": None}, "PATH_ABSENT", 6, "/id", "/id"),
    ({"id": 7}, "VALUE_TYPE", 6, "/id", "/id"),
    ({"seen": "17/05/2026"}, "VALUE_REFUSED", 2, "", "/seen"),
    ({"seen": None}, "PATH_ABSENT", 2, "", "/seen"),
    ({"rate": "0.000"}, "DIVISION_BY_ZERO", 8, "/total", "/rate"),
    ({"amount": "12,50"}, "VALUE_TYPE", 8, "/total", "/amount"),
    ({"amount": 12.5}, "VALUE_TYPE", 8, "/total", "/amount"),
    ({"amount": "-1.00"}, "NOT_POSITIVE", 16, "", ""),
    ({"lines": {"code": "A"}}, "VALUE_TYPE", 10, "/lines", "/lines"),
    ({"lines": [{"code": "A"}]}, "PATH_ABSENT", 12, "/lines/0/amount", "/lines/0/amount"),
    ({"lines": ["secret"]}, "VALUE_TYPE", 12, "/lines/0/amount", "/lines/0/amount"),
    (
        {"lines": [{"code": "A", "amount": "1.00"}, {"code": "Z", "amount": "1.00"}]},
        "LOOKUP_MISS",
        12,
        "/lines/1/code",
        "/lines/1/code",
    ),
    (
        {"lines": [{"code": "A", "amount": "1.00", "parts": [{"amount": "2.00"}, {}]}]},
        "PATH_ABSENT",
        14,
        "/lines/2/amount",
        "/lines/0/parts/1/amount",
    ),
]


@pytest.mark.parametrize(("change", "code", "line", "target", "source"), FAULTS)
def test_an_error_names_mapping_line_target_and_source(
    change: Document,
    code: str,
    line: int,
    target: str,
    source: str,
    compile_text: Compile,
    document: Document,
    head_lines: int,
) -> None:
    with pytest.raises(Untranslatable) as caught:
        compile_text(BODY).run(document | change, {})
    assert caught.value.places() == {
        "code": code,
        "mapping": "try-it",
        "version": "1.0.0",
        "yaml_line": head_lines + line,
        "target_pointer": target,
        "source_pointer": source,
    }
    assert isinstance(caught.value, Reject)
    assert caught.value.__context__ is None  # nor may a value ride along in a cause


def _leaves(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    if isinstance(value, dict):
        return [leaf for key, item in value.items() for leaf in _leaves(item, (*path, key))]
    if isinstance(value, list):
        return [leaf for index, item in enumerate(value) for leaf in _leaves(item, (*path, index))]
    return [path]


def test_no_error_ever_holds_a_value(compile_text: Compile, document: Document) -> None:
    mapping = compile_text(BODY)
    canaries: list[Any] = ["CANARY-4711", 4711, 47.11, ["CANARY-4711"], {"CANARY-4711": 4711}]
    refusals = 0
    for path in _leaves(document):
        for canary in canaries:
            changed = copy.deepcopy(document)
            holder: Any = changed
            for step in path[:-1]:
                holder = holder[step]
            holder[path[-1]] = canary
            try:
                mapping.run(changed, {})
            except Untranslatable as error:
                told = f"{error} {error!r} {json.dumps(error.places())} {error.args}"
                assert "4711" not in told
                assert "47.11" not in told
                refusals += 1
    assert refusals > 20


def test_a_document_that_is_no_object_is_refused(compile_text: Compile) -> None:
    with pytest.raises(Untranslatable) as caught:
        compile_text(BODY).run([], {})  # type: ignore[arg-type]  # what a partner may send
    assert caught.value.code == "VALUE_TYPE"
