"""Every code the reader can give is explained, and nothing else is."""

import ast
from pathlib import Path

import gateway.formats.x12
from gateway.formats.x12.meanings import MEANINGS

GIVERS = {"suspect", "warn", "add", "_fault", "_note", "_once", "_unreadable", "_error"}


def given() -> set[str]:
    """Codes in calls that give findings, and the other names they are kept under."""
    found: set[str] = set()
    for path in Path(gateway.formats.x12.__file__).parent.glob("*.py"):
        if path.name == "meanings.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and node.value in MEANINGS:
                found.add(node.value)
            if isinstance(node, ast.Call):
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                texts = [one.value for one in node.args if isinstance(one, ast.Constant)]
                if name in GIVERS:
                    found |= {text for text in texts if isinstance(text, str) and "_" in text}
    return found


def test_the_list_of_meanings_is_complete_and_holds_nothing_else():
    assert given() == set(MEANINGS)


def test_every_meaning_is_a_sentence():
    for code, meaning in MEANINGS.items():
        assert meaning.endswith("."), code
        assert meaning[0].isupper(), code
