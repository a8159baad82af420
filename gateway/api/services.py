"""What the routes call: the services of the hub, as `gateway.app` hands them over."""

from collections.abc import Callable, Iterable
from typing import Any, Protocol

import msgspec
from litestar import Request
from litestar.datastructures import State

from connectors.base import CheckReport, Receiver
from gateway.api.catalogue import Catalogue
from gateway.api.subscribing import Subscriptions
from gateway.delivery import Operator
from gateway.governance import MaskPlan
from gateway.governance.envelope import EventKind
from gateway.governance.lifecycle import Facts, Usage
from gateway.governance.references import Reference
from gateway.health import InterfaceHealth
from gateway.pipeline import Bundle, Flow
from gateway.ports import Ports
from gateway.registry import ContractVersion, VersionRecord
from gateway.store import AuditEntry, Store

__all__ = ["ContractView", "HubRequest", "Polled", "ReloadReport", "Services", "services"]

HubRequest = Request[Any, Any, State]


class ContractView(msgspec.Struct, frozen=True, kw_only=True):
    """What is shown of a contract version beside its documents."""

    name: str
    version: str
    schema: dict[str, Any]
    mask: MaskPlan
    event: EventKind


class Polled(msgspec.Struct, frozen=True, kw_only=True):
    """What one look at a source brought; `fault` is a code, empty where there was none. Where
    another node polls that source it was `asked` to look, and what it finds is not known here."""

    interface: str
    taken: int = 0
    fault: str = ""
    asked: bool = False


class ReloadReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a reload did, or would do."""

    bundle: str
    changed: bool
    interfaces: tuple[str, ...]
    opened: tuple[str, ...]
    dry_run: bool


class Services(Protocol):
    """Everything behind the routes. The routes decide nothing."""

    flow: Flow
    store: Store
    operator: Operator
    ports: Ports

    @property
    def subscriptions(self) -> Subscriptions:
        """What clients have sent to their URLs."""
        ...

    @property
    def ready(self) -> bool:
        """Whether the hub takes and delivers."""
        ...

    @property
    def bundle(self) -> Bundle:
        """The configuration in force."""
        ...

    @property
    def catalogue(self) -> Catalogue:
        """The contracts of the configuration in force."""
        ...

    @property
    def api_nodes(self) -> int:
        """How many processes serve the API over the same store, at least 1."""
        ...

    def contract(self, name: str, version: str) -> ContractView:
        """Return a contract version as it is shown. Raises NotFound."""
        ...

    def receiver(self, interface: str) -> Receiver:
        """Return what proves the sender of an interface; of one that receives nothing, and of one
        that is not there, what nobody can satisfy."""
        ...

    async def contract_step(
        self,
        version: ContractVersion,
        to: str,
        decide: Callable[[VersionRecord, Facts], VersionRecord],
        *,
        known: Iterable[Reference],
        usage: Usage,
        audit: AuditEntry,
    ) -> ContractVersion:
        """Take a step of a version's life as `decide` says, put it on the audit record, and show
        it from now on. Raises what `decide` raises; Conflict where it has changed meanwhile."""
        ...

    async def interfaces(self, names: Iterable[str] = ()) -> list[InterfaceHealth]:
        """Return the health of those interfaces, of all where none is named. Raises NotFound."""
        ...

    async def pause(self, interface: str, *, actor: str, reason: str) -> None:
        """Try or poll nothing there until it is resumed. Raises NotFound."""
        ...

    async def resume(self, interface: str, *, actor: str) -> None:
        """Let a paused interface run again. Raises NotFound."""
        ...

    async def poll(self, interface: str) -> Polled:
        """Look at a source now. Raises NotFound where nothing is polled."""
        ...

    async def check(self, interface: str) -> CheckReport:
        """Probe the other side without side effects. Raises NotFound."""
        ...

    async def reload(self, *, actor: str, dry_run: bool) -> ReloadReport:
        """Read the root folder again and follow it. Raises ConfigError; then nothing changed."""
        ...

    async def metrics(self) -> bytes:
        """Return the figures in the Prometheus text format."""
        ...


def services(request: HubRequest) -> Services:
    """Return the services of the application a request came to."""
    found: Services = request.app.state.services
    return found
