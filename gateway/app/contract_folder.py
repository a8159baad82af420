"""Opens a root folder for what is done with contracts: registry, configuration, consumers, steps."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from functools import cached_property
from pathlib import Path

from gateway.app.beside import subscriptions_beside
from gateway.errors import Conflict, HubError
from gateway.governance.compat import Policy
from gateway.governance.compat.waivers import waivers_of
from gateway.governance.consumers import ContractReads, read_declared
from gateway.governance.derived_reads import derived_reads
from gateway.governance.lifecycle import Facts, Status, Usage
from gateway.governance.lock import LOCK_FILE, extend_lock, unreleased
from gateway.governance.publishing import Surroundings, facts_of, publication_faults
from gateway.governance.references import Reference, references
from gateway.ports import SystemClock
from gateway.registry import ContractVersion, Registry, VersionRecord, starter_root, with_record
from gateway.settings import Config, read_config
from gateway.translation import Limits

__all__ = ["ContractFolder", "Decide", "Subscribed", "contract_folder"]

WAIVERS = "contracts/waivers.yaml"

Decide = Callable[[VersionRecord, Facts], VersionRecord]
"""What a record becomes, in its surroundings; raises GateClosed."""

Subscribed = Callable[[Config], Mapping[str, str]]
"""What clients of a configuration have subscribed to at the API: the texts of interfaces, by name."""


def contract_folder(
    root: Path,
    environment: Mapping[str, str],
    *,
    unread: Callable[[HubError], object] | None = None,
) -> "ContractFolder":
    """Open a root folder, and look for subscriptions in the store that it names. `unread` hears why
    that cannot be read, and they are left out; without it that is raised where they are needed."""

    def subscribed(config: Config) -> Mapping[str, str]:
        try:
            return subscriptions_beside(root, config.hub, environment)
        except HubError as error:
            if unread is None:
                raise
            unread(error)
            return {}

    limits = Limits(monotonic=SystemClock().monotonic)
    return ContractFolder(root, environment, limits, subscribed)


class ContractFolder:
    """The contracts of a root folder over those that came with the program. Reads when asked."""

    def __init__(
        self,
        root: Path,
        environment: Mapping[str, str],
        limits: Limits,
        subscribed: Subscribed,
    ) -> None:
        self.root = root.resolve()
        self.environment = environment
        self.limits = limits
        self._subscribed = subscribed

    @cached_property
    def registry(self) -> Registry:
        """The registry of both roots; of one where they are the same folder."""
        first = starter_root().resolve()
        return Registry(first) if first == self.root else Registry(first, self.root)

    @cached_property
    def config(self) -> Config | None:
        """The configuration, subscriptions among the interfaces; None where the folder has none.
        Raises ConfigError."""
        folder = self.root / "config"
        if not any((folder / name).exists() for name in ("hub.yaml", "routes.yaml", "interfaces")):
            return None
        config = read_config(folder, self.environment)
        subscribed = self._subscribed(config)
        return read_config(folder, self.environment, subscribed) if subscribed else config

    @cached_property
    def declared(self) -> list[ContractReads]:
        """What `config/consumers/*.yaml` say. Raises ConfigError."""
        return [
            one
            for file in sorted((self.root / "config/consumers").glob("*.yaml"))
            for one in read_declared(
                file.read_text(encoding="utf-8"),
                self.registry,
                file=f"config/consumers/{file.name}",
            )
        ]

    @cached_property
    def reads(self) -> list[ContractReads]:
        """What every consumer reads, derived and declared."""
        return [*derived_reads(self.registry, self.config, limits=self.limits), *self.declared]

    @cached_property
    def references(self) -> list[Reference]:
        """Who names which contract."""
        return references(self.registry, self.config, self.declared)

    def surroundings(self, now: datetime) -> Surroundings:
        """Return what a version is held against."""
        waivers = [one for base in self.registry.roots for one in waivers_of(base / WAIVERS)]
        return Surroundings(
            reads=self.reads,
            policy=Policy(today=now.date(), waivers=waivers),
            run=self.limits,
        )

    def own(self) -> Iterator[ContractVersion]:
        """Yield the versions that lie in this root folder."""
        for contract in self.registry.contracts():
            if contract.folder.resolve().is_relative_to(self.root):
                yield contract

    def decided(
        self,
        contract: ContractVersion,
        to: str,
        decide: Decide,
        *,
        now: datetime,
        known: Iterable[Reference] = (),
        usage: Usage | None = None,
    ) -> VersionRecord:
        """Return what a version's record becomes by a step: what `decide` makes of it and of its
        surroundings. `known` is who names the version beside what lies in the folder.

        Raises what `decide` raises; Conflict for a version that came with the program.
        """
        faults: tuple[str, ...] = ()
        if to == Status.ACTIVE:
            faults = publication_faults(self.registry, contract, self.surroundings(now))
        named = sorted({*self.references, *known})
        facts = facts_of(self.registry, contract, named, now=now, usage=usage, faults=faults)
        record = decide(contract.record, facts)
        if not contract.folder.resolve().is_relative_to(self.root):
            raise Conflict(
                f"{contract.identity} came with the program.",
                next_step="put its folder into contracts/ of the root folder; the CLI takes --root.",
            )
        return record

    def put(self, contract: ContractVersion, record: VersionRecord) -> None:
        """Write what was decided into the version's `contract.yaml`. What is active is locked."""
        file = contract.folder.parent / "contract.yaml"
        text = file.read_text(encoding="utf-8")
        file.write_text(with_record(text, contract.version, record, file=str(file)), "utf-8")
        if record.status == Status.ACTIVE:
            self.lock()

    def lock(self) -> None:
        """Add newly released files to the lock."""
        registry = Registry(*dict.fromkeys((starter_root().resolve(), self.root)))
        file = self.root / "contracts" / LOCK_FILE
        old = file.read_text(encoding="utf-8") if file.is_file() else ""
        new = extend_lock(old, registry.files(self.root), unreleased(registry.contracts()))
        file.write_text(new, encoding="utf-8")
