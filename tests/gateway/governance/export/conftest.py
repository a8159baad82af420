"""What the tests of the exports share: every contract of this repository, and invented ones."""

import pytest

from gateway.governance.export import Published, publish
from gateway.registry import Registry, starter_root


@pytest.fixture(scope="session")
def contracts() -> list[Published]:
    """Every version of every contract."""
    return publish(Registry(starter_root()))
