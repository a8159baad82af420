"""Opens a root folder for the verbs about contracts: registry, configuration, consumers."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cached_property
from pathlib import Path

from gateway.errors import UsageFault
from gateway.governance.compat import Policy
from gateway.governance.consumers import ContractReads, read_declared
from gateway.governance.derived_reads import derived_reads
from gateway.governance.lock import LOCK_FILE, extend_lock, unreleased
from gateway.governance.publishing import Surroundings
from gateway.governance.references import Reference, references
from gateway.registry import ContractVersion, Registry, VersionRecord, starter_root, with_record
from gateway.settings import Config, read_config
from gateway.translation import Limits

__all__ = ["ContractFolder"]

WAIVERS = "contracts/waivers.yaml"


class ContractFolder:
    """The contracts of a root folder over those that came with the program. Reads when asked."""

    def __init__(self, root: Path, environment: Mapping[str, str], limits: Limits) -> None:
        self.root = root.resolve()
        self.environment = environment
        self.limits = limits

    @cached_property
    def registry(self) -> Registry:
        """The registry of both roots; of one where they are the same folder."""
        first = starter_root().resolve()
        return Registry(first) if first == self.root else Registry(first, self.root)

    @cached_property
    def config(self) -> Config | None:
        """The configuration; None where the folder has none. Raises ConfigError."""
        folder = self.root / "config"
        if not any((folder / name).exists() for name in ("hub.yaml", "routes.yaml", "interfaces")):
            return None
        return read_config(folder, self.environment)

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
        from gateway.cli.contract_compat import waivers_of

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

    def put(self, contract: ContractVersion, record: VersionRecord) -> Path:
        """Write a version's record into its `contract.yaml`, and return that file.

        Raises UsageFault for a version that came with the program.
        """
        file = contract.folder.parent / "contract.yaml"
        if not file.resolve().is_relative_to(self.root):
            raise UsageFault(
                f"{contract.identity} came with the program.",
                next_step="name the folder its contract.yaml lies in with --root.",
            )
        text = file.read_text(encoding="utf-8")
        file.write_text(with_record(text, contract.version, record, file=str(file)), "utf-8")
        return file

    def lock(self) -> int:
        """Add newly released files to the lock, and return how many."""
        registry = Registry(*dict.fromkeys((starter_root().resolve(), self.root)))
        file = self.root / "contracts" / LOCK_FILE
        old = file.read_text(encoding="utf-8") if file.is_file() else ""
        new = extend_lock(old, registry.files(self.root), unreleased(registry.contracts()))
        file.write_text(new, encoding="utf-8")
        return len(new.splitlines()) - len(old.splitlines())
