"""Amounts and the effect journal."""

from pathlib import Path

import pytest

from gateway.simulators.books import Journal, amount, cents, effects_in


@pytest.mark.parametrize(
    ("text", "value"),
    [("12.50", 1250), ("-0.05", -5), ("3", 300), ("0.5", 50), ("-0.00", 0), ("007.10", 710)],
)
def test_a_decimal_string_is_read_as_cents(text: str, value: int) -> None:
    assert cents(text) == value


@pytest.mark.parametrize("text", ["", "1.234", "1e2", "NaN", "1,00", " 1", "+1", ".5", "٣", "1\n"])
def test_anything_else_is_no_amount(text: str) -> None:
    with pytest.raises(ValueError, match="not an amount"):
        cents(text)


@pytest.mark.parametrize("value", [0, 5, -5, 100, -12345, 99999999999999])
def test_cents_survive_writing_and_reading(value: int) -> None:
    assert cents(amount(value)) == value


async def test_a_torn_last_line_is_cut_and_the_rest_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "books" / "effects.jsonl"
    first = Journal(path)
    assert first.open() == []
    first.append({"key": "a", "effects": 1})
    await first.sync()
    first.close()
    with path.open("ab") as file:
        file.write(b'{"key":"b","eff')
    assert effects_in(path) == {"a": 1}
    second = Journal(path)
    assert second.open() == [{"key": "a", "effects": 1}]
    second.append({"key": "c", "effects": 1})
    await second.sync()
    second.close()
    assert effects_in(path) == {"a": 1, "c": 1}


async def test_a_journal_without_a_file_keeps_nothing() -> None:
    journal = Journal()
    assert journal.open() == []
    journal.append({"key": "a", "effects": 1})
    await journal.sync()
    journal.close()
