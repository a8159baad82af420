"""What the governance tests share: our contracts, their examples, third-party cases."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.registry import Registry, starter_root

CONFORMANCE = Path(__file__).resolve().parents[3] / "../shared/samples/conformance"


@pytest.fixture(scope="session")
def registry() -> Registry:
    """The contracts of this repository."""
    return Registry(starter_root())


@pytest.fixture(scope="session")
def examples(registry: Registry) -> dict[str, list[Any]]:
    """The valid example documents by contract name."""
    found: dict[str, list[Any]] = {contract.name: [] for contract in registry.contracts()}
    for file, body in registry.files().items():
        if "/examples/valid/" in file:
            found[file.partition("/")[0]].append(json.loads(body))
    return found


@pytest.fixture(scope="session")
def conformance() -> Callable[[str], Any]:
    """Read a third-party conformance file where it is at hand; none is copied here."""

    def read(name: str) -> Any:
        file = CONFORMANCE / name
        if not file.is_file():
            pytest.skip(f"the shared conformance file {name} is not here")
        return json.loads(file.read_text(encoding="utf-8"))

    return read
