"""The report of the proofs: figures are printed, and kept only where the test is a soak."""

import io
import json
from pathlib import Path

import pytest

from tests.proofs.conftest import Report


def test_figures_are_printed_on_one_line(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    kept = tmp_path / "report.json"
    out = io.StringIO()
    report = Report(request.config, keep=False, kept=kept, out=out)
    report("T-NONE", rows=3, share=0.98765432)
    assert out.getvalue() == "\nT-NONE rows=3 share=0.9877\n"
    assert not kept.exists()


def test_a_soak_keeps_its_figures_beside_those_of_others(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    kept = tmp_path / "report.json"
    report = Report(request.config, keep=True, kept=kept, out=io.StringIO())
    report("T-FIRST", seeds=100)
    report("T-SECOND", ratio=1.23456789, parts=[0.111119, {"deep": 2.000001}])
    report("T-FIRST", seeds=report.kept("T-FIRST")["seeds"] + 50)
    assert json.loads(kept.read_text()) == {
        "T-FIRST": {"seeds": 150},
        "T-SECOND": {"ratio": 1.235, "parts": [0.1111, {"deep": 2.0}]},
    }
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]
