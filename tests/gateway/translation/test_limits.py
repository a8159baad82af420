"""No document and no mapping makes a run endless or its output boundless (F-TPL)."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from gateway.translation import DEFAULT_LIMITS, Limits, Mapping, MappingError, Untranslatable

Compile = Callable[..., Mapping]
Document = dict[str, Any]

SMALL = Limits(steps=1_000, rows=50, output_bytes=20_000)


def refused(mapping: Mapping, document: Document) -> Untranslatable:
    with pytest.raises(Untranslatable) as caught:
        mapping.run(document, {})
    return caught.value


def test_loops_within_loops_run_out_of_steps(compile_text: Compile, document: Document) -> None:
    mapping = compile_text(
        "fields:\n  id: id\n  count: count(a for a in tags if any(any(any(d == id for d in tags)"
        " for c in tags) for b in tags))\n",
    )
    document["tags"] = ["x"] * 1_000
    started = time.process_time()
    assert refused(mapping, document).code == "LIMIT_STEPS"
    assert time.process_time() - started < 5


INNER = (
    "d == id", "hash_id('x', d, c, b, a) == id", "days_between(seen, add_days(seen, 1)) == 7",
    "round_half_up(amount / (amount + 1.00), 2) == 0.01", "contains(upper(concat(d, c, b, a)), 'Q')",
    " and ".join(["contains(upper(concat(d, c)), 'Q')"] * 40),
    " + ".join(["length(concat(d, id))"] * 50) + " == 1",
)  # fmt: skip


@pytest.mark.parametrize("inner", INNER, ids=range(len(INNER)))
@pytest.mark.parametrize("items", [40, 200])
def test_a_loop_that_runs_away_over_a_small_document_is_stopped_at_once(
    items: int, inner: str, compile_text: Compile, document: Document
) -> None:
    mapping = compile_text(
        "fields:\n  id: id\n  count: count(a for a in tags if"
        f" any(any(any({inner} for d in tags) for c in tags) for b in tags))\n"
    )
    document["tags"] = ["x"] * items
    started = time.process_time()
    assert refused(mapping, document).code == "LIMIT_STEPS"
    assert time.process_time() - started < 0.2 * 10  # of a machine that does other things


def test_a_large_document_may_be_looked_through_again_and_again(
    compile_text: Compile, document: Document
) -> None:
    mapping = compile_text(
        "fields:\n  id: id\n  count: count(a for a in tags if any(b == a for b in tags))\n"
    )
    document["tags"] = [str(at) for at in range(500)]
    assert mapping.run(document, {})["count"] == 500


def test_rows_are_counted(compile_text: Compile, document: Document) -> None:
    mapping = compile_text(
        "fields:\n  id: id\n  tags: [{each: a in tags, emit: [{row: a}, {row: a}]}]\n",
        limits=SMALL,
    )
    document["tags"] = ["x"] * 25
    assert len(mapping.run(document, {})["tags"]) == 50
    document["tags"] = ["x"] * 26
    error = refused(mapping, document)
    assert (error.code, error.yaml_line, error.target_pointer) == ("LIMIT_ROWS", 7, "/tags")


def test_copies_of_a_large_text_are_weighed(compile_text: Compile, document: Document) -> None:
    mapping = compile_text(
        "fields:\n  id: id\n  lines: [{each: t in tags, row: {seq: seq(), amount: 0.00, code: id}}]\n",
        limits=SMALL,
    )
    document |= {"id": "x" * 4_000, "tags": ["x"] * 10}
    assert refused(mapping, document).code == "LIMIT_OUTPUT"


def test_copies_of_a_large_object_are_weighed(compile_text: Compile, document: Document) -> None:
    mapping = compile_text(
        "fields:\n  rows: [{each: t in tags, row: {all: lines}}]\n", target=None, limits=SMALL
    )
    document["lines"] = [{"code": "A", "amount": "1.00"}] * 100
    document["tags"] = ["x"] * 10
    assert refused(mapping, document).code == "LIMIT_OUTPUT"


@pytest.mark.parametrize("twice", ["concat({0}, {0})", "{0} + {0}"])
def test_a_text_that_doubles_and_doubles_is_stopped(
    twice: str, compile_text: Compile, document: Document
) -> None:
    lets = "".join(f"  a{n + 1}: {twice.format(f'a{n}')}\n" for n in range(40))
    mapping = compile_text(f"let:\n  a0: concat(id, id)\n{lets}fields:\n  id: a40\n")
    started = time.process_time()
    assert refused(mapping, document).code == "TEXT_TOO_LONG"
    assert time.process_time() - started < 1


def test_a_number_that_squares_and_squares_is_stopped(
    compile_text: Compile, document: Document
) -> None:
    lets = "".join(f"  a{n + 1}: a{n} * a{n}\n" for n in range(40))
    mapping = compile_text(f"let:\n  a0: count * 10\n{lets}fields:\n  id: id\n  count: a40\n")
    assert refused(mapping, document).code == "VALUE_REFUSED"


def test_a_decimal_that_cannot_be_held_exactly_is_stopped(
    compile_text: Compile, document: Document
) -> None:
    lets = "".join(f"  a{n + 1}: a{n} * a{n}\n" for n in range(12))
    mapping = compile_text(
        f"let:\n  a0: amount\n{lets}fields:\n  id: id\n  total: round_half_up(a12, 2)\n"
    )
    assert refused(mapping, document | {"amount": "1.01"}).code in {"DECIMAL_SIZE", "VALUE_TYPE"}


def test_time_is_watched_on_the_clock_that_is_handed_in(
    compile_text: Compile, document: Document
) -> None:
    ticks: Iterator[float] = iter(float(n) for n in range(1_000))
    limits = msgspec.structs.replace(
        DEFAULT_LIMITS, seconds=2.5, monotonic=lambda: next(ticks), steps=10_000_000
    )
    mapping = compile_text(
        "fields:\n  id: id\n  count: count(a for a in tags if any(b == id for b in tags))\n",
        limits=limits,
    )
    document["tags"] = ["x"] * 3_000
    assert refused(mapping, document).code == "LIMIT_TIME"


def test_deep_structures_are_refused_at_load(compile_text: Compile) -> None:
    deep = "".join(f"{'  ' * n}a:\n" for n in range(1, 25)) + f"{'  ' * 25}b: id\n"
    with pytest.raises(MappingError, match="nested too deeply"):
        compile_text(f"fields:\n{deep}", target=None)
    loops = "sum(" * 9 + "count" + "".join(f" for v{n} in lines)" for n in range(9))
    with pytest.raises(MappingError, match="nested too deeply"):
        compile_text(f"fields:\n  id: id\n  count: {loops}\n")


def test_a_run_leaves_the_callers_decimal_context_alone(
    compile_text: Compile, document: Document
) -> None:
    from decimal import Decimal, getcontext

    mapping = compile_text("fields:\n  id: id\n  total: amount\n")
    before = getcontext()
    mapping.run(document, {})
    refused(mapping, {})
    assert getcontext() is before
    assert Decimal(1) / Decimal(3) != 0


@pytest.mark.parametrize(
    ("field", "code"),
    [
        ("tags: [{each: t in tags, row: 'concat(id, t)'}]", "TEXT_TOO_LONG"),
        ("tags: [{each: t in tags, row: upper(id)}]", "TEXT_TOO_LONG"),
        ("count: count(t for t in tags if id in tags)", "LIMIT_STEPS"),
    ],
)
def test_work_hidden_in_one_item_is_bounded_too(
    field: str, code: str, compile_text: Compile, document: Document
) -> None:
    mapping = compile_text(f"fields:\n  id: id\n  {field}\n")
    document |= {"id": "x" * 70_000, "tags": ["t"] * 3_000}
    assert refused(mapping, document).code == code


def test_a_large_text_is_copied_once_without_a_bound(
    compile_text: Compile, document: Document
) -> None:
    mapping = compile_text("fields:\n  id: id\n")
    assert len(mapping.run(document | {"id": "x" * 1_000_000}, {})["id"]) == 1_000_000
