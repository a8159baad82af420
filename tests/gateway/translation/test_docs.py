"""The generated tables: complete, and every rule and code is really raised by some test."""

from pathlib import Path

import pytest

from gateway.translation.docs import rule_rows, run_code_rows

HERE = Path(__file__).parent


@pytest.mark.parametrize("rows", [rule_rows(), run_code_rows()])
def test_every_code_is_explained_and_tested(rows: list[tuple[str, str]]) -> None:
    tests = "".join(file.read_text(encoding="utf-8") for file in HERE.glob("test_*.py"))
    for code, text in rows:
        assert len(text) > 15
        assert f'"{code}"' in tests, f"no test raises {code}"
