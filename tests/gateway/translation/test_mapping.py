"""What a mapping makes of a document: objects, rows, lookups of its own output, bases."""

import copy
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.translation import Mapping, MappingError, Untranslatable, compile_mapping

Compile = Callable[..., Mapping]
Document = dict[str, Any]


EVERYTHING = """
let:
  big: amount > 10.00
fields:
  id: concat("T-", id)
  total: round_half_up(amount * rate, 2)
  rate: rate?
  number: amount
  count: count(lines)
  open: not open
  note: note?
  kind: '"big" if big else "small"'
  mood: '"unheard of"'
  owner: person.name
  tags: tags?
  box:
    inner: id
    outer: note?
  lines:
    - each: line in lines
      emit:
        - row: {seq: seq(), amount: line.amount, code: line.code}
        - each: part in line.parts?
          when: part.amount > 4.00
          row: {seq: seq(), amount: 'negate(part.amount)'}
    - when: big
      row: {seq: seq(), amount: 0.00}
  sums:
    all: sum(row.amount for row in out.lines)
    even: out.sums.all == out.total
"""

MADE = {
    "id": "T-R-1",
    "total": "4.81",
    "rate": "0.385",
    "number": Decimal("12.50"),
    "count": 2,
    "open": False,
    "kind": "big",
    "mood": "unheard of",
    "owner": "Robin Example",
    "tags": ["red", "blue"],
    "box": {"inner": "R-1"},
    "lines": [
        {"seq": 1, "amount": "10.00", "code": "A"},
        {"seq": 2, "amount": "-6.00"},
        {"seq": 3, "amount": "2.50", "code": "B"},
        {"seq": 4, "amount": "0.00"},
    ],
    "sums": {"all": "6.50", "even": False},
}


def test_fields_rows_and_totals_come_out_in_order(
    compile_text: Compile, document: Document
) -> None:
    mapping = compile_text(EVERYTHING)
    before = copy.deepcopy(document)
    out = mapping.run(document, {})
    assert out == MADE
    assert list(out) == list(MADE)
    assert document == before


def test_an_object_of_absent_fields_is_absent(compile_text: Compile, document: Document) -> None:
    mapping = compile_text("fields:\n  id: id\n  place: {city: 'note?'}\n")
    assert mapping.run(document, {}) == {"id": "R-1"}
    assert mapping.run(document | {"note": "x"}, {})["place"] == {"city": "x"}


def test_an_empty_array_stays_and_one_item_does_not_collapse(
    compile_text: Compile, document: Document
) -> None:
    mapping = compile_text("fields:\n  id: id\n  tags: [{each: tag in tags, row: tag}]\n")
    assert mapping.run(document | {"tags": []}, {})["tags"] == []
    assert mapping.run(document | {"tags": ["x"]}, {})["tags"] == ["x"]


def test_let_and_index_count_within_each(compile_text: Compile, document: Document) -> None:
    mapping = compile_text("""
fields:
  id: id
  tags:
    - each: line in lines
      let: {number: index()}
      emit:
        - each: part in line.parts?
          row: concat(number, ".", index())
        - row: concat(number, " ", index(), " ", line.code)
""")
    assert mapping.run(document, {})["tags"] == ["1.1", "1.2", "1 1 A", "2 2 B"]


def test_negative_zero_and_long_zeros_become_plain_money(
    compile_text: Compile, document: Document
) -> None:
    mapping = compile_text("""
fields:
  id: id
  total: round_half_up(amount * -0.001, 2)
  lines:
    - {row: {seq: 1, amount: 'amount - amount'}}
    - {row: {seq: 2, amount: negate(0.00)}}
""")
    out = mapping.run(document | {"amount": "0.01"}, {})
    assert out["total"] == "0.00"
    assert [row["amount"] for row in out["lines"]] == ["0.00", "0.00"]


@pytest.mark.parametrize(
    ("amount", "expected"),
    [("12", "12.00"), ("12.5", "12.50"), ("12.500", "12.50"), ("-0", "0.00"), ("-0.000", "0.00")],
)
def test_money_leaves_with_two_places(amount: str, expected: str) -> None:
    mapping = _loose("total: amount")
    assert mapping.run({"amount": amount}, {}) == {"total": expected}


@pytest.mark.parametrize("amount", ["12.505", "0.001", "-0.009"])
def test_lost_digits_are_refused_at_run_time_too(amount: str) -> None:
    with pytest.raises(Untranslatable) as caught:
        _loose("total: amount").run({"amount": amount}, {})
    assert caught.value.code == "MONEY_SCALE"
    assert caught.value.target_pointer == "/total"
    assert amount not in str(caught.value)


def test_an_amount_no_one_has_is_refused() -> None:
    with pytest.raises(Untranslatable) as caught:
        _loose("total: amount").run({"amount": "1" + "0" * 40}, {})
    assert caught.value.code in {"DECIMAL_SIZE", "VALUE_TYPE"}


def _loose(field: str) -> Mapping:
    """Compile one field whose source says nothing and whose target is money."""
    money = {"type": "string", "x-money": {"scale": 2}}
    return compile_mapping(
        "mapping: loose-one\nversion: 1.0.0\nsource: {any: true}\ntarget: {schema: t.json}\n"
        f"fields:\n  {field}\n",
        source_schema=None,
        target_schema={"type": "object", "properties": {"total": money}},
        tables=lambda name: name,
        file="loose.yaml",
    )


def test_a_base_carries_the_input_and_fields_replace(
    compile_text: Compile, source_schema: Document, document: Document
) -> None:
    mapping = compile_text(
        """
base: input
drop: [note, person.city, "lines[].parts"]
fields:
  id: concat(id, "-x")
  person:
    name: upper(person.name)
""",
        target=source_schema,
    )
    document["note"] = "drop me"
    before = copy.deepcopy(document)
    out = mapping.run(document, {})
    assert document == before
    expected = copy.deepcopy(before)
    expected["id"] = "R-1-x"
    expected["person"] = {"name": "ROBIN EXAMPLE"}
    del expected["note"]
    for line in expected["lines"]:
        line.pop("parts", None)
    assert out == expected


def test_a_row_can_start_from_the_item_it_is_made_of(
    compile_text: Compile, source_schema: Document, document: Document
) -> None:
    mapping = compile_text(
        """
base: input
fields:
  lines:
    - each: line in lines
      base: line
      row: {code: lower(line.code)}
""",
        target=source_schema,
    )
    out = mapping.run(document, {})
    assert [line["code"] for line in out["lines"]] == ["a", "b"]
    assert out["lines"][0]["parts"] == document["lines"][0]["parts"]
    assert document["lines"][0]["code"] == "A"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("base: input\ndrop: [id]\nfields: {note: id}\n", "'id' is not produced"),
        ("base: input\ndrop: [nope]\nfields: {note: id}\n", "'nope' is not in the source"),
        ("base: input\ndrop: ['a..b']\nfields: {note: id}\n", "lists paths"),
        ("base: input\nfields: {note: id}\n", "base has 'amount', the target does not"),
    ],
)
def test_what_a_base_brings_is_checked_too(body: str, reason: str, compile_text: Compile) -> None:
    with pytest.raises(MappingError, match=reason):
        compile_text(body)


def test_a_format_with_a_base_is_checked_as_its_target(source_schema: Document) -> None:
    text = (
        "mapping: quirks-only\nversion: 1.0.0\nsource: {format: x12-835}\n"
        "target: {schema: t.json}\nbase: input\nfields:\n  id: trim(nope)\n"
    )
    with pytest.raises(MappingError, match="'nope' does not exist"):
        compile_mapping(
            text,
            source_schema=None,
            target_schema=source_schema,
            tables=lambda name: name,
            file="quirks.yaml",
        )


def test_the_context_is_readable_and_closed(compile_text: Compile, document: Document) -> None:
    mapping = compile_text("fields:\n  id: context.message_id\n  note: context.delivery_id?\n")
    assert mapping.run(document, {"message_id": "msg_1"}) == {"id": "msg_1"}
    with pytest.raises(Untranslatable) as caught:
        mapping.run(document, {})
    assert (caught.value.code, caught.value.yaml_line) == ("PATH_ABSENT", 6)
    with pytest.raises(MappingError, match=r"context\.now"):
        compile_text("fields:\n  id: context.now\n")


def test_an_assert_sees_the_output_and_gives_its_code(
    compile_text: Compile, document: Document
) -> None:
    body = (
        "fields:\n  id: id\n  total: amount\nassert:\n  - {that: total == 1.00, else: NOT_ONE}\n"
    )
    mapping = compile_text(body)
    assert mapping.run(document | {"amount": "1.00"}, {})["total"] == "1.00"
    with pytest.raises(Untranslatable) as caught:
        mapping.run(document, {})
    assert (caught.value.code, caught.value.yaml_line) == ("NOT_ONE", 9)


def test_an_assert_can_compare_output_with_input(
    compile_text: Compile, document: Document
) -> None:
    mapping = compile_text(
        "fields:\n  id: id\n  tags: [{each: t in tags, row: t}]\n"
        "assert:\n  - {that: count(tags) == count(input.lines), else: COUNTS_DIFFER}\n"
    )
    mapping.run(document, {})
    with pytest.raises(Untranslatable, match="COUNTS_DIFFER"):
        mapping.run(document | {"tags": []}, {})


def test_ids_are_stable_and_differ_by_every_part(compile_text: Compile) -> None:
    mapping = compile_text('fields:\n  id: hash_id("jrn", id, note?, count)\n')
    one = {"id": "a", "count": 1, "amount": "1.00"}
    ids = {
        mapping.run(document, {})["id"]
        for document in (one, one | {"id": "b"}, one | {"note": ""}, one | {"count": 2}, one)
    }
    assert len(ids) == 4
    assert all(found.startswith("jrn_") and len(found) == 36 for found in ids)


def test_a_hashed_id_may_leave_where_phi_may_not(compile_text: Compile) -> None:
    mapping = compile_text('fields:\n  id: hash_id("p", person.name)\n')
    assert mapping.run({"person": {"name": "Robin"}}, {})["id"].startswith("p_")


def test_reading_own_rows_gives_the_same_with_and_without_a_running_total(
    compile_text: Compile, document: Document
) -> None:
    mapping = compile_text("""
fields:
  id: id
  lines:
    - each: line in lines
      row: {seq: seq(), amount: line.amount}
    - when: open
      row: {seq: seq(), amount: 0.25}
  sums:
    all: sum(row.amount for row in out.lines)
    even: out.sums.all == sum(row.amount + 0.00 for row in out.lines)
""")
    assert mapping.run(document, {})["sums"] == {"all": "12.75", "even": True}
    assert mapping.run(document | {"open": False}, {})["sums"] == {"all": "12.50", "even": True}


MONEY_TEXTS = st.decimals(
    min_value=-999_999, max_value=999_999, places=2, allow_nan=False, allow_infinity=False
).map(lambda amount: f"{amount:.2f}")


@settings(max_examples=60, deadline=None)
@given(st.lists(MONEY_TEXTS, max_size=12), st.lists(MONEY_TEXTS, max_size=12))
def test_totals_are_the_exact_sums_for_any_amounts(debits: list[str], credits_: list[str]) -> None:
    mapping = compile_mapping(
        "mapping: sums-only\nversion: 1.0.0\nsource: {schema: s}\ntarget: {any: true}\n"
        "fields:\n"
        "  rows:\n"
        "    - {each: d in debits, row: {debit: d, credit: 0.00}}\n"
        "    - {each: c in credits, row: {debit: 0.00, credit: c}}\n"
        "  debit: sum(row.debit for row in out.rows)\n"
        "  credit: sum(row.credit for row in out.rows)\n"
        "  difference: out.debit - out.credit\n"
        "  balanced: out.debit == out.credit\n",
        source_schema={
            "type": "object",
            "properties": {
                side: {"type": "array", "items": {"type": "string", "x-money": {"scale": 2}}}
                for side in ("debits", "credits")
            },
        },
        target_schema=None,
        tables=lambda name: name,
        file="sums.yaml",
    )
    out = mapping.run({"debits": debits, "credits": credits_}, {})
    debit, credit = (sum(map(Decimal, side), Decimal("0.00")) for side in (debits, credits_))
    assert Decimal(out["debit"]) == debit
    assert Decimal(out["difference"]) == debit - credit
    assert out["balanced"] is (debit == credit)
    assert "-0.00" not in {out["debit"], out["credit"], out["difference"]}


def test_what_one_branch_has_read_is_read_again_after_it(
    compile_text: Compile, document: Document
) -> None:
    mapping = compile_text("""
fields:
  id: id
  note: '"first" if open else person.city'
  tags:
    - when: not open
      row: text(amount)
    - row: concat(text(amount), person.city)
  total: amount
""")
    for is_open in (True, False):
        out = mapping.run(document | {"open": is_open}, {})
        assert out["note"] == ("first" if is_open else "Harborton")
        assert out["tags"][-1] == "12.50Harborton"
        assert out["total"] == "12.50"


def test_any_step_of_an_optional_path_may_be_absent(compile_text: Compile) -> None:
    mapping = compile_text('fields:\n  id: id\n  note: person.city? ?? "nowhere"\n')
    for person in ({}, {"person": None}, {"person": {}}, {"person": {"city": None}}):
        assert mapping.run({"id": "1", **person}, {})["note"] == "nowhere"
    with pytest.raises(Untranslatable) as caught:
        mapping.run({"id": "1", "person": "not an object"}, {})
    assert caught.value.code == "VALUE_TYPE"


def test_threads_may_share_a_mapping(compile_text: Compile, document: Document) -> None:
    mapping = compile_text(EVERYTHING)
    documents = [document | {"amount": f"{number}.50", "id": str(number)} for number in range(200)]
    alone = [mapping.run(one, {}) for one in documents]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda one: mapping.run(one, {}), documents)) == alone
