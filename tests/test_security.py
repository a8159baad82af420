"""The list of security requirements: whole, with proofs that are there, and as good as it says."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from gateway.cli.asvs import Requirement, State, by_state, chapters, counts

ROOT = Path(__file__).resolve().parents[1]
FOUND = chapters(ROOT)
ALL = [one for chapter in FOUND for one in chapter.requirements]

OF_LEVEL = {1: 70, 2: 183}
OF_CHAPTER = (27, 11, 19, 10, 9, 35, 18, 7, 7, 29, 14, 9, 13, 9, 13, 16, 7)
"""How many requirements ASVS 5.0.0 has, and each of its chapters at levels 1 and 2."""

BAR = 0.95


@cache
def functions_of(file: str) -> set[str]:
    """Return the functions of a file of tests."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(tree) if isinstance(node, kinds)}


def test_every_requirement_of_both_levels_is_there_once() -> None:
    assert [chapter.chapter for chapter in FOUND] == list(range(1, 18))
    assert tuple(len(chapter.requirements) for chapter in FOUND) == OF_CHAPTER
    assert len({one.id for one in ALL}) == len(ALL)
    for level, number in OF_LEVEL.items():
        assert sum(one.level == level for one in ALL) == number
    for chapter in FOUND:
        ids = [tuple(map(int, one.id.split("."))) for one in chapter.requirements]
        assert ids == sorted(ids)
        assert {first for first, *_ in ids} == {chapter.chapter}


@pytest.mark.parametrize("one", ALL, ids=[one.id for one in ALL])
def test_what_is_met_has_a_proof_and_what_is_not_a_reason(one: Requirement) -> None:
    if one.state is State.MET:
        assert one.proof
    else:
        assert one.why
    for proof in one.proof:
        file, _, name = proof.partition("::")
        assert (ROOT / file).is_file(), proof
        if name:
            assert name.startswith("test_"), proof
            assert name in functions_of(file), proof


def test_the_bar_is_met_and_the_sums_are_right() -> None:
    met, gaps = (len(by_state(FOUND, state)) for state in (State.MET, State.GAP))
    assert met / (met + gaps) >= BAR
    assert counts(FOUND)[-1][1:] == (str(met), str(gaps), str(len(ALL) - met - gaps))


def test_the_running_hub_loads_no_simulator() -> None:
    code = (
        "import sys, gateway.app.server, gateway.cli.run\n"
        "print([m for m in sys.modules if m.startswith(('gateway.sim', 'gateway.bench', 'tests'))])"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "[]"
