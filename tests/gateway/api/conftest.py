"""One listening hub per module."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway.live import Live, live_hub, make_root


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    root: Path = make_root(tmp_path_factory.mktemp("hub"))
    with live_hub(root) as running:
        yield running
