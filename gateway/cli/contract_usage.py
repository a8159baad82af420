"""Who called which version of a contract and who names it, as the hub of a root folder or its store knows."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from gateway.errors import NotFound
from gateway.governance.lifecycle import Call, moment
from gateway.governance.references import Reference

if TYPE_CHECKING:
    from gateway.app.contract_folder import ContractFolder
    from gateway.governance.lifecycle import Usage

__all__ = ["CountedCalls", "asked_at", "counted_calls", "named_at"]


class _Api(Protocol):
    def get(self, path: str, **query: object) -> Any:
        """Return the JSON at a path."""
        ...


class _Row(msgspec.Struct, frozen=True):
    """One client's calls of one version: when last (RFC 3339), how many in 30 days."""

    version: str
    client: str
    last_at: str
    calls: int


class _Answer(msgspec.Struct, frozen=True):
    items: tuple[_Row, ...]


class CountedCalls:
    """What was counted of one contract: `gateway.governance.lifecycle.Usage`."""

    def __init__(self, contract: str, rows: Sequence[_Row]) -> None:
        self._contract = contract
        self._rows = rows

    def last_calls(self, contract: str, version: str) -> list[Call]:
        """Return one entry per client that ever called that version, the last one first."""
        found = [
            Call(client=row.client, at=at, count=row.calls)
            for row in self._rows
            if contract == self._contract
            and row.version == version
            and (at := moment(row.last_at))
        ]
        return sorted(found, key=lambda call: call.at, reverse=True)


def counted_calls(api: _Api, contract: str) -> CountedCalls | None:
    """Ask a hub for the calls of a contract; None where it counts none."""
    try:
        answer = api.get(f"/v1/contracts/{contract}/usage")
    except NotFound:
        return None
    return CountedCalls(contract, msgspec.convert(answer, _Answer).items)


def named_at(api: _Api, contract: str, version: str) -> list[Reference]:
    """Ask a hub who names a version of a contract; nobody where it does not have that."""
    try:
        answer = api.get(f"/v1/contracts/{contract}/versions/{version}/referencedby")
    except NotFound:
        return []
    return msgspec.convert(answer["items"], list[Reference])


def asked_at(
    folder: "ContractFolder", contract: str, version: str
) -> "tuple[Usage | None, list[Reference]]":
    """Ask the hub that runs on a root folder, else its store, who called a contract and who names a
    version of it; None and nobody where there is neither. Raises HubError."""
    from gateway.cli.remote import running_hub

    with running_hub(folder.root) as hub:
        if hub is not None:
            return counted_calls(hub, contract), named_at(hub, contract, version)
    return _kept_at(folder, contract)


def _kept_at(folder: "ContractFolder", contract: str) -> "tuple[Usage | None, list[Reference]]":
    import asyncio

    from gateway.api.versions import recorded_usage, using_clients
    from gateway.app.beside import Beside
    from gateway.ports import SystemClock

    config = folder.config
    if config is None:
        return None, []
    store = Beside(folder.root, config.hub, folder.environment)

    async def read() -> "tuple[Usage, list[Reference]]":
        usage = await recorded_usage(store, contract, SystemClock().now())
        return usage, await using_clients(store, contract, config.clients)

    try:
        return asyncio.run(read())
    except NotFound:
        return None, []
