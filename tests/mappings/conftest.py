"""Mappings as an author has them: a folder, its schemas, its cases."""

from pathlib import Path

import pytest

from gateway.cli.mapping_folder import MappingFolder, open_mapping
from gateway.translation import DEFAULT_LIMITS


@pytest.fixture(scope="session")
def exercise() -> MappingFolder:
    """The language exercise beside these tests."""
    here = Path(__file__).resolve().parent
    folder = here / "conformance-claim-to-journal"
    return open_mapping(str(folder), here.parents[1], DEFAULT_LIMITS)
