"""Live connectors: opened from a bundle, replaced where a reload changed them."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

import msgspec

import connectors
from connectors.base import Context, Sink, Source, TransportFactory
from gateway.errors import NotFound
from gateway.pipeline import Bundle
from gateway.pipeline import Sink as PipelineSink
from gateway.pipeline import Source as PipelineSource
from gateway.ports import Ports
from gateway.settings import SinkSettings

__all__ = ["LiveConnections"]


class _Open(msgspec.Struct, frozen=True):
    options: Any
    connector: str
    port: Any
    call_seconds: float
    """No call lasts longer; a source's is taken up again by its successor."""


class LiveConnections:
    """One live connector per interface that has one."""

    def __init__(
        self, *, secret: Callable[[str], str], transport: TransportFactory, ports: Ports
    ) -> None:
        self._secret = secret
        self._transport = transport
        self._ports = ports
        self._open: dict[str, _Open] = {}
        self._retiring: dict[asyncio.Task[None], _Open] = {}

    def sink(self, interface: str) -> Sink:
        """Return the live sink. Raises NotFound."""
        return self._port(interface)  # type: ignore[no-any-return]  # opened as a sink below

    def source(self, interface: str) -> Source:
        """Return the live source. Raises NotFound."""
        return self._port(interface)  # type: ignore[no-any-return]  # opened as a source below

    def _port(self, interface: str) -> Any:
        if interface not in self._open:
            raise NotFound(f"Interface '{interface}' has no live connector.")
        return self._open[interface].port

    def _context(self, interface: str) -> Context:
        def executor(size: int) -> Executor:
            return ThreadPoolExecutor(size, thread_name_prefix=interface)

        return Context(
            interface=interface,
            clock=self._ports.clock,
            secret=self._secret,
            transport=self._transport,
            executor=executor,
            fail_point=self._ports.fail_point,
        )

    async def follow(self, bundle: Bundle) -> set[str]:
        """Open what the bundle needs and this has not, close what it does not need any more once
        no call can be under way on it.

        Returns the names of what was opened. Raises ConfigError where a secret is missing;
        then nothing has changed.
        """
        wanted: dict[str, _Open] = {}
        for name, interface in _interfaces(bundle).items():
            if not interface.settings.connector:
                continue
            have = self._open.get(name)
            same = have and (have.options, have.connector) == (
                interface.options,
                interface.settings.connector,
            )
            wanted[name] = have if have and same else self._make(name, bundle, interface.options)
        opened = {name for name, made in wanted.items() if made is not self._open.get(name)}
        gone = [made for name, made in self._open.items() if wanted.get(name) is not made]
        self._open = wanted
        for made in gone:
            task = asyncio.create_task(self._retire(made))
            self._retiring[task] = made
            task.add_done_callback(self._retiring.pop)
        return opened

    async def _retire(self, made: _Open) -> None:
        await self._ports.clock.sleep(made.call_seconds)
        await made.port.close()

    def _make(self, name: str, bundle: Bundle, options: Any) -> _Open:
        interface = _interfaces(bundle)[name]
        spec = connectors.find(interface.settings.connector)
        make = spec.source if name in bundle.sources else spec.sink
        assert make is not None  # noqa: S101 - the bundle's compiler looked
        settings = interface.settings
        longest = settings.deadline_seconds + 1 if isinstance(settings, SinkSettings) else 0.0
        try:
            port = make(options, self._context(name))
            return _Open(options, settings.connector, port, longest)
        except KeyError as missing:
            file = f"interfaces/{name}.yaml"
            reason = f"secret {missing.args[0]!r} is not set"
            raise bundle.config.place(file, "$.settings", reason) from None
        except ValueError as wrong:
            file = f"interfaces/{name}.yaml"
            raise bundle.config.place(file, "$.settings", str(wrong)) from None

    async def close(self) -> None:
        """Close every connector."""
        opened = [*self._open.values(), *self._retiring.values()]
        self._open = {}
        for task in self._retiring:
            task.cancel()
        await asyncio.gather(*(made.port.close() for made in opened))


def _interfaces(bundle: Bundle) -> dict[str, PipelineSource | PipelineSink]:
    return {**bundle.sources, **bundle.sinks}
