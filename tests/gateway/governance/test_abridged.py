"""What a large document breaks is told by a small part of it: truly, in the whole's own places."""

import random
import time
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.governance import Profile, compile_validator
from gateway.governance.abridged import words_of
from gateway.governance.profiles import apply_profile
from gateway.governance.validator import RustValidator

LINE = {
    "type": "object",
    "required": ["code", "kind"],
    "properties": {
        "code": {"type": "string", "maxLength": 3},
        "kind": {"enum": ["a", ["b", "b", "b"]]},
        "parts": {"type": "array", "items": {"$ref": "#/$defs/line"}, "maxItems": 4},
    },
}
SCHEMA = {
    "type": "object",
    "required": ["id", "lines"],
    "properties": {
        "id": {"type": "string"},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}, "minItems": 3},
        "rest": {"type": "array", "items": {"type": "integer"}, "maxItems": 6},
        "more": {"type": "object", "additionalProperties": {"type": "integer"}},
        "same": {"const": [1, 2, 3, 4]},
    },
    "$defs": {"line": LINE},
}
CLOSED = apply_profile(SCHEMA, Profile.WRITER)


def line(chance: random.Random, wrong: float, deep: int = 2) -> Any:
    bad = [chance.random() < wrong for _ in range(5)]
    made: dict[str, Any] = {"code": "toolong" if bad[0] else "c", "kind": ["b", "b", "b"]}
    if bad[1]:
        del made["kind"]
    if bad[2]:
        made["odd"] = 1
    if deep:
        made["parts"] = [line(chance, wrong, deep - 1) for _ in range(chance.randrange(6))]
    return 7 if bad[3] and bad[4] else made


def document(chance: random.Random) -> dict[str, Any]:
    wrong = chance.choice([0.0, 0.02, 0.3])
    made: dict[str, Any] = {
        "lines": [line(chance, wrong) for _ in range(chance.randrange(12))],
        "rest": [chance.choice([1, 2, 3, "x" if wrong else 4]) for _ in range(9 if wrong else 5)],
        "id": "1",
        "more": {f"m{at}": "x" if chance.random() < wrong else at for at in range(9)},
        "same": [1, 2, 3, 4],
        **{f"u{at}": at for at in range(12 if chance.random() < wrong else 0)},
    }
    if chance.random() < wrong:
        del made["id"]
    return made


def documents() -> Iterator[dict[str, Any]]:
    return (document(random.Random(seed)) for seed in range(400))


def test_what_is_told_of_a_part_is_wrong_in_the_whole() -> None:
    whole, part = RustValidator(CLOSED), RustValidator(CLOSED, most_items=6)
    broken = more = 0
    for one in documents():
        every, some = whole.errors(one, 10_000), part.errors(one, 10_000)
        assert set(some) <= set(every)
        assert bool(some) is bool(every) is not whole.valid(one)
        broken += bool(some)
        more += len(some) > 1
    assert broken > 100, "the documents are wrong often enough"
    assert more > 80, "more than the first is found"


def test_of_a_contract_that_weighs_parts_against_each_other_the_first_is_told() -> None:
    schema = CLOSED | {"not": {"properties": {"lines": {"maxItems": 2}}, "required": ["lines"]}}
    assert not words_of(schema).blind
    whole, part = RustValidator(schema), RustValidator(schema, most_items=6)
    for one in documents():
        every, some = whole.errors(one, 10_000), part.errors(one, 10_000)
        assert set(some) <= set(every)
        assert bool(some) is bool(every)


def test_what_is_wrong_far_behind_is_told_with_what_is_wrong_beside_it() -> None:
    good = {"code": "c", "kind": "a"}
    bad = {"code": "toolong", "kind": "z", "parts": [good, {"code": 1}]}
    lines = [*(good for _ in range(5000)), {**good, "parts": [good, good, bad]}, bad]
    found = compile_validator(SCHEMA, Profile.WRITER).errors({"id": "1", "lines": lines})
    assert {(one.pointer, one.keyword) for one in found} == {
        ("/lines/5000/parts/2/code", "maxLength"),
        ("/lines/5000/parts/2/kind", "enum"),
        ("/lines/5000/parts/2/parts/1", "required"),
        ("/lines/5000/parts/2/parts/1/code", "type"),
        ("/lines/5001/code", "maxLength"),
        ("/lines/5001/kind", "enum"),
        ("/lines/5001/parts/1", "required"),
        ("/lines/5001/parts/1/code", "type"),
    }


@pytest.mark.parametrize(
    "worse",
    [
        lambda count: {"lines": [{} for _ in range(count)]},
        lambda count: {f"u{at}": at for at in range(count)},
        lambda count: {"more": {f"m{at}": "x" for at in range(count)}},
    ],
    ids=["empty items", "unknown fields", "wrong members"],
)
def test_twenty_times_as_much_that_is_wrong_does_not_cost_twenty_times_as_much(
    worse: Any,
) -> None:
    validator = compile_validator(SCHEMA, Profile.WRITER)
    little, much = (
        min(_cpu(validator, worse(count)) for _ in range(3)) for count in (1000, 20_000)
    )
    assert much < 10 * little


def test_nothing_is_taken_out_of_a_large_document_that_is_wrong_elsewhere_at_little_cost() -> None:
    validator = compile_validator(SCHEMA, Profile.WRITER)
    unknown = [{"code": "c", "kind": "a", "odd": 1} for _ in range(2000)]
    sound: dict[str, Any] = {"id": "1", "lines": unknown}
    broken = sound | {"lines": [*unknown, *({} for _ in range(20_000))]}
    begun = time.process_time()
    assert validator.strip(broken) == 0
    refused = time.process_time() - begun
    assert unknown[0]["odd"] == 1
    begun = time.process_time()
    assert validator.strip(sound) == 2000
    assert refused < 2 * (time.process_time() - begun)
    assert validator.valid(sound)


def _cpu(validator: RustValidator, document: Any) -> float:
    begun = time.process_time()
    assert validator.errors(document)
    return time.process_time() - begun
