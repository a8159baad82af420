"""X12 amounts, quantities and dates are read exactly or not at all."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.formats.x12.values import Amounts, Dates, Quantities
from gateway.model.money import cents_of, decimal_text


@pytest.mark.parametrize(
    ("raw", "cents", "text"),
    [
        ("5", 500, "5.00"),
        ("5.", 500, "5.00"),
        (".5", 50, "0.50"),
        (".54", 54, "0.54"),
        ("0", 0, "0.00"),
        ("-0.00", 0, "0.00"),
        ("-5.00", -500, "-5.00"),
        ("-.05", -5, "-0.05"),
        ("0012.30", 1230, "12.30"),
        ("125.5", 12550, "125.50"),
        ("1.000", 100, "1.00"),
        (" 7.25 ", 725, "7.25"),
        ("9999999999999.99", 999999999999999, "9999999999999.99"),
    ],
)
def test_an_amount_is_read_exactly(raw, cents, text):
    amounts = Amounts()
    assert amounts[raw] == (cents, text)
    assert amounts.faults == []


@pytest.mark.parametrize(
    "raw",
    [
        *("", " ", ".", "-", "-.", "+5", "1e2", "1,000.00", "$5", "5-", "1.005", "1_0", "0x5"),
        *("NaN", "Infinity", "10000000000000", "1.2.3", "--1", "٣", "²", "1.٣٣", "٣٣.00"),
    ],
)
def test_what_is_no_amount_is_a_fault_and_counts_as_zero(raw):
    amounts = Amounts()
    assert amounts[raw] == (0, "0.00")
    assert amounts.faults == [raw]


@settings(database=None, derandomize=True)
@given(st.integers(-(10**15) + 1, 10**15 - 1))
def test_money_text_and_cents_are_the_same_thing(cents):
    text = decimal_text(cents)
    assert cents_of(text) == cents
    assert Amounts()[text] == (cents, text)


@pytest.mark.parametrize("text", ["1", "1.5", "1.555", "+1.00", "a.bc", "1.00 ", "", "٣.00"])
def test_only_contract_money_becomes_cents(text):
    with pytest.raises(ValueError, match="two decimal places"):
        cents_of(text)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("1", "1"),
        (".50", "0.50"),
        ("-0", "0"),
        ("-1.5", "-1.5"),
        ("007", "7"),
        ("1.", "1"),
        ("1.1234567", ""),
        ("UN", ""),
        ("1e5", ""),
    ],
)
def test_a_quantity_is_a_decimal_string(raw, text):
    assert Quantities()[raw] == text


@pytest.mark.parametrize(
    ("raw", "text"),
    [("20260401", "2026-04-01"), ("20260231", ""), ("260401", ""), ("D8", ""), ("00000000", "")],
)
def test_a_date_is_iso_or_nothing(raw, text):
    assert Dates()[raw] == text
