"""An open sink, for the tests of the declarative HTTP connector."""

from contextlib import asynccontextmanager

import msgspec
import pytest

from connectors.base import (
    Call,
)
from connectors.http_api import CONNECTOR, Settings
from tests.tryton import tryton, tryton_template  # noqa: F401  - fixtures


@pytest.fixture
def opened(make_context):
    """`async with opened(url, {...settings}) as (deliver, lookup)`."""

    @asynccontextmanager
    async def open_sink(url, settings=None, **secrets):
        context = make_context(**secrets)
        decoded = msgspec.convert({"base_url": url, **(settings or {})}, Settings)
        sink = CONNECTOR.sink(decoded, context)
        sink.call = lambda key="k-1", seconds=5.0: Call(
            key=key, attempt=1, deadline=context.clock.monotonic() + seconds
        )
        try:
            yield sink
        finally:
            await sink.close()
            await sink.close()

    return open_sink
