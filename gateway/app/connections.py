"""Live connectors: opened from a bundle, replaced where a reload changed them."""

import asyncio
import hashlib
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

import msgspec

import connectors
from connectors.base import (
    CheckReport,
    ConnectorSpec,
    Context,
    Receiver,
    Sink,
    Source,
    TransportFactory,
)
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
    secrets: dict[str, str]
    """Digests of what it was opened with: a secret that has changed since opens another."""


Prepared = dict[str, _Open]
"""By interface: what `switch` takes."""


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

    def receiver(self, interface: str) -> Receiver:
        """Return what proves an interface's sender. Raises NotFound."""
        return self._port(interface)  # type: ignore[no-any-return]  # opened as a receiver below

    def _port(self, interface: str) -> Any:
        if interface not in self._open:
            raise NotFound(f"Interface '{interface}' has no live connector.")
        return self._open[interface].port

    def _context(self, interface: str, secrets: dict[str, str]) -> Context:
        def executor(size: int) -> Executor:
            return ThreadPoolExecutor(size, thread_name_prefix=interface)

        def secret(name: str) -> str:
            value = self._secret(name)
            secrets[name] = _digest(value)
            return value

        return Context(
            interface=interface,
            clock=self._ports.clock,
            secret=secret,
            transport=self._transport,
            executor=executor,
            fail_point=self._ports.fail_point,
        )

    def prepare(self, bundle: Bundle) -> Prepared:
        """Open what the bundle needs and this has not, or has with other options or secrets.

        Raises ConfigError where a secret is missing. Nothing has changed before `switch`.
        """
        wanted: Prepared = {}
        for name, interface in _interfaces(bundle).items():
            if not interface.settings.connector:
                continue
            have = self._open.get(name)
            same = (
                have
                and (have.options, have.connector)
                == (interface.options, interface.settings.connector)
                and self._same_secrets(have)
            )
            wanted[name] = have if have and same else self._make(name, bundle, interface.options)
        return wanted

    def _same_secrets(self, have: _Open) -> bool:
        try:
            return all(_digest(self._secret(name)) == was for name, was in have.secrets.items())
        except KeyError:
            return False

    def switch(self, wanted: Prepared) -> set[str]:
        """Take what `prepare` gave; return the names of what was opened. What is not needed any
        more is closed once no call can be under way on it."""
        opened = {name for name, made in wanted.items() if made is not self._open.get(name)}
        gone = [made for name, made in self._open.items() if wanted.get(name) is not made]
        self._open = wanted
        for made in gone:
            task = asyncio.create_task(self._retire(made))
            self._retiring[task] = made
            task.add_done_callback(self._retiring.pop)
        return opened

    async def drop(self, wanted: Prepared) -> None:
        """Close what `prepare` opened and nobody will use."""
        unused = [made for name, made in wanted.items() if made is not self._open.get(name)]
        await asyncio.gather(*(made.port.close() for made in unused))

    async def _retire(self, made: _Open) -> None:
        await self._ports.clock.sleep(made.call_seconds)
        await made.port.close()

    def _make(self, name: str, bundle: Bundle, options: Any) -> _Open:
        interface = _interfaces(bundle)[name]
        spec = connectors.find(interface.settings.connector)
        make = (spec.source or spec.receiver) if name in bundle.sources else spec.sink
        assert make is not None  # noqa: S101 - the bundle's compiler looked
        settings = interface.settings
        longest = settings.deadline_seconds + 1 if isinstance(settings, SinkSettings) else 0.0
        secrets: dict[str, str] = {}
        try:
            port = make(options, self._context(name, secrets))
            return _Open(options, settings.connector, port, longest, secrets)
        except KeyError as missing:
            file = bundle.config.file_of(name)
            reason = f"secret {missing.args[0]!r} is not set"
            raise bundle.config.place(file, "$.settings", reason) from None
        except ValueError as wrong:
            file = bundle.config.file_of(name)
            raise bundle.config.place(file, "$.settings", str(wrong)) from None

    async def probe(self, name: str, spec: ConnectorSpec, options: Any) -> CheckReport:
        """Open a sink that no bundle has yet, look at the other side, and close it. Raises
        ValueError for options that cannot work."""
        assert spec.sink is not None  # noqa: S101 - the caller means one that sends
        port = spec.sink(options, self._context(name, {}))
        try:
            return await port.check()
        finally:
            await port.close()

    async def close(self) -> None:
        """Close every connector."""
        opened = [*self._open.values(), *self._retiring.values()]
        self._open = {}
        for task in self._retiring:
            task.cancel()
        await asyncio.gather(*(made.port.close() for made in opened))


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()


def _interfaces(bundle: Bundle) -> dict[str, PipelineSource | PipelineSink]:
    return {**bundle.sources, **bundle.sinks}
