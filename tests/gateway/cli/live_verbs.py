"""Verbs as a person types them, against a hub that listens."""

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import main
from gateway.cli.exits import Exit


class Typed:
    """Runs verbs on one root folder and keeps what they printed."""

    def __init__(self, root: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.root = root
        self._capture = capture
        self.out = ""
        self.err = ""

    def __call__(self, *words: str, code: int = Exit.OK) -> str:
        self._capture.readouterr()
        ended = main([*words, "--root", str(self.root)])
        self.out, self.err = self._capture.readouterr()
        assert ended == code, self.out + self.err
        return self.out

    def json(self, *words: str, code: int = Exit.OK) -> Any:
        return json.loads(self(*words, "--json", code=code))
