"""One listening hub per module, and verbs typed at it."""

from collections.abc import Iterator

import pytest

from tests.gateway.cli.live_verbs import Typed
from tests.gateway.live import Live, live_hub, make_root


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live_hub(make_root(tmp_path_factory.mktemp("hub"))) as running:
        yield running


@pytest.fixture
def typed(live: Live, capsys: pytest.CaptureFixture[str]) -> Typed:
    return Typed(live.root, capsys)
