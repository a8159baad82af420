"""What expressions give: exact numbers, explicit absence, kinds that never mix."""

from decimal import Decimal
from typing import Any

import pytest

from gateway.translation import MappingError, Untranslatable, compile_expression

Document = dict[str, Any]


def value(text: str, document: Document, schema: Document | None, **context: str) -> Any:
    return compile_expression(text, schema).evaluate(document, context)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("amount + 0.005", Decimal("12.505")),
        ("amount * rate", Decimal("4.81250")),
        ("count * amount", Decimal("37.50")),
        ("count + 1", 4),
        ("-amount", Decimal("-12.50")),
        ("abs(0.00 - amount)", Decimal("12.50")),
        ("round_half_up(amount * rate, 2)", Decimal("4.81")),
        ("round_half_up(2.675 * 1, 2)", Decimal("2.68")),
        ("round_half_even(2.5 * 1, 0)", Decimal("2")),
        ("round_half_up(1.00 / 3, 4)", Decimal("0.3333")),
        ("round_half_up(0.00 - 1.00 / 8.00, 2)", "LOAD"),
        ("round_half_up(-1.00 / 8.00, 2)", Decimal("-0.13")),
        ("round_half_even(1.00 / 8.00, 2)", Decimal("0.12")),
        ("round_half_even(3.00 / 8.00, 2)", Decimal("0.38")),
        ("amount / 2", "LOAD"),
        ("max(amount, 3, 99.99)", Decimal("99.99")),
        ("sum(line.amount for line in lines)", Decimal("12.50")),
        ('sum(line.amount for line in lines if line.code == "Z")', Decimal("0.00")),
        ("sum(sum(p.amount for p in l.parts?) for l in lines)", Decimal("10.00")),
        ("min(line.amount for line in lines)", Decimal("2.50")),
        ('max(line.amount for line in lines if line.code == "Z")', None),
        ("count(lines)", 2),
        ("count(l for l in lines if l.amount > 5.00)", 1),
        ("list(line.code for line in lines)", ["A", "B"]),
        ("list(line.amount for line in lines)", ["10.00", "2.50"]),
        ('any(line.code == "B" for line in lines)', True),
        ('all(line.code == "B" for line in lines)', False),
        ("first(line.code for line in lines if line.amount < 5.00)", "B"),
        ("last(tags)", "blue"),
        ('"red" in tags', True),
        ('id in ["R-1", "R-2"]', True),
        ("count not in [1, 3]", False),
        ("amount == 12.5", True),
        ("amount > 3 and not (open and count < 2)", True),
        ('note? == "x"', False),
        ('note? != "x"', True),
        ("note?", None),
        ('note ?? "none"', "none"),
        ('upper(note?) ?? "none"', "none"),
        ('coalesce(note, person.city, "none")', "Harborton"),
        ('default(note, "none")', "none"),
        ("exists(note)", False),
        ("exists(person.city)", True),
        ('"yes" if open else "no"', "yes"),
        ('"yes" if exists(note) and note == "x" else "no"', "no"),
        ('concat(id, "/", count, "/", text(amount))', "R-1/3/12.50"),
        ("input.id", "R-1"),
        ('"<" + id + ">"', "<R-1>"),
        ("`id`", "R-1"),
        ("context.delivery_id", "billing"),
        ('context.interface? ?? "none"', "none"),
    ],
)
def test_an_expression_gives(
    text: str, expected: object, document: Document, source_schema: Document
) -> None:
    if expected == "LOAD":
        with pytest.raises(MappingError):
            compile_expression(text, source_schema)
        return
    found = value(text, document, source_schema, delivery_id="billing")
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("nope", "PATH_UNKNOWN"),
        ("person.nope", "PATH_UNKNOWN"),
        ("id.length", "PATH_UNKNOWN"),
        ("lines.amount", "PATH_THROUGH_ARRAY"),
        ("context.nope", "PATH_UNKNOWN"),
        ("out.id", "OUT_NOT_YET"),
        ("nope(id)", "FUNCTION_UNKNOWN"),
        ("sum(amount)", "ARGUMENTS"),
        ("nope(l for l in lines)", "FUNCTION_UNKNOWN"),
        ("upper(id, id)", "ARGUMENTS"),
        ("round_half_up(amount, count)", "ARGUMENTS"),
        ("round_half_up(amount, 9)", "ARGUMENTS"),
        ("seq()", "ARGUMENTS"),
        ("index()", "ARGUMENTS"),
        ("hash_id(id, id)", "ARGUMENTS"),
        ("exists(1)", "ARGUMENTS"),
        ("lookup(nope, id)", "NAME_UNKNOWN"),
        ("amount + id", "TYPE_MISMATCH"),
        ("id - id", "TYPE_MISMATCH"),
        ("id + 1", "TYPE_MISMATCH"),
        ("id * 3", "TYPE_MISMATCH"),
        ("amount == id", "TYPE_MISMATCH"),
        ('amount == "12.50"', "TYPE_MISMATCH"),
        ("lines == lines", "TYPE_MISMATCH"),
        ("open < true", "TYPE_MISMATCH"),
        ("concat(id, amount)", "TYPE_MISMATCH"),
        ("upper(amount)", "TYPE_MISMATCH"),
        ("not amount", "TYPE_MISMATCH"),
        ("amount if open else id", "TYPE_MISMATCH"),
        ("amount if id else amount", "TYPE_MISMATCH"),
        ('id in ["1", 2]', "TYPE_MISMATCH"),
        ("1 in count", "TYPE_MISMATCH"),
        ("first(lines)", "TYPE_MISMATCH"),
        ("sum(t for t in tags)", "TYPE_MISMATCH"),
        ("sum(x.amount for x in amount)", "TYPE_MISMATCH"),
        ('"x" ?? "y"', "TYPE_MISMATCH"),
        ("note? < id", "MAY_BE_ABSENT"),
        ("concat(note?, id)", "MAY_BE_ABSENT"),
        ("amount / count", "DIVISION_UNROUNDED"),
        ("round_half_up(1.00 + amount / 2, 2)", "DIVISION_UNROUNDED"),
        ("sum(id.amount for id in lines)", "NAME_TAKEN"),
        ("sum(out.amount for out in lines)", "NAME_TAKEN"),
        ("a.b" + ".c" * 400, "PATH_UNKNOWN"),
    ],
)
def test_a_wrong_expression_is_refused_when_it_is_read(
    text: str, rule: str, source_schema: Document
) -> None:
    with pytest.raises(MappingError) as caught:
        compile_expression(text, source_schema)
    assert caught.value.rule == rule


@pytest.mark.parametrize(
    ("text", "code", "pointer"),
    [
        ("note", "PATH_ABSENT", "/note"),
        ("sum(sum(p.amount for p in l.parts) for l in lines)", "PATH_ABSENT", "/lines/1/parts"),
        ("context.delivery_id", "PATH_ABSENT", ""),
        ("round_half_up(amount / 0.00, 2)", "DIVISION_BY_ZERO", ""),
        ("money(id)", "VALUE_REFUSED", "/id"),
        ("year_month(id)", "VALUE_REFUSED", "/id"),
        ("count * 999999999999999999999999", "VALUE_REFUSED", ""),
    ],
)
def test_a_document_that_does_not_fit_is_refused_with_its_place(
    text: str, code: str, pointer: str, document: Document, source_schema: Document
) -> None:
    with pytest.raises(Untranslatable) as caught:
        value(text, document, source_schema)
    assert (caught.value.code, caught.value.source_pointer) == (code, pointer)


@pytest.mark.parametrize("wrong", [1.5, None, [], {}, "NaN", "Infinity", "1e999", "", "x"])
def test_a_value_of_another_kind_never_becomes_money(
    wrong: object, document: Document, source_schema: Document
) -> None:
    expression = compile_expression("text(amount + 1.00)", source_schema)
    document["amount"] = wrong
    with pytest.raises(Untranslatable):
        expression.evaluate(document, {})


@pytest.mark.parametrize("wrong", [1, 1.5, True, None, [], {}])
def test_a_value_of_another_kind_never_becomes_text(
    wrong: object, document: Document, source_schema: Document
) -> None:
    document["id"] = wrong
    with pytest.raises(Untranslatable) as caught:
        value("id", document, source_schema)
    assert caught.value.code == ("PATH_ABSENT" if wrong is None else "VALUE_TYPE")


def test_an_unchecked_value_takes_the_kind_of_what_it_meets() -> None:
    document = {"a": "1.10", "b": "x", "n": 2}
    assert value("a + 1.00", document, None) == Decimal("2.10")
    assert value("a > 1.09", document, None) is True
    assert value("n == 2", document, None) is True
    assert value('concat(b, "y")', document, None) == "xy"
    assert value('b in ["x"]', document, None) is True
    with pytest.raises(Untranslatable):
        value("b + 1.00", document, None)
    with pytest.raises(MappingError, match="no schema says"):
        value("a == b", document, None)


@pytest.mark.parametrize("wrong", [1.5, True, "1e5", "1_0", " 1", "\u0661", "NaN", "", None])
def test_an_unchecked_number_must_be_a_plain_decimal(wrong: object) -> None:
    with pytest.raises(Untranslatable):
        value("a + 1.00", {"a": wrong}, None)


def test_what_is_not_needed_is_not_evaluated(document: Document, source_schema: Document) -> None:
    for text, expected in (
        ('open or note == "x"', True),
        ('not open and note == "x"', False),
        ('"a" if open else note', "a"),
        ("id ?? note", "R-1"),
        ('any(line.code == "A" or count(line.parts) > 2 for line in lines)', True),
    ):
        assert value(text, document, source_schema) == expected


def test_an_expression_tells_what_it_reads(source_schema: Document) -> None:
    expression = compile_expression(
        'sum(l.amount for l in lines if l.code == "A") > amount', source_schema
    )
    assert expression.reads == {"/amount", "/lines", "/lines/*/amount", "/lines/*/code"}
