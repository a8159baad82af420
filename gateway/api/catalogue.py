"""The contracts of the configuration in force with what their versions need, compiled once."""

import re
from collections.abc import Iterable
from functools import cached_property

from gateway.errors import NotFound
from gateway.governance import Profile, compile_validator
from gateway.governance.migrations import Migrations, compile_migrations
from gateway.governance.validator import RustValidator
from gateway.registry import ContractVersion, Registry

__all__ = ["Catalogue"]

_WANTED = re.compile(r"(0|[1-9][0-9]{0,5})(\.(0|[1-9][0-9]{0,5})){0,2}")
_NOT_SERVED = frozenset({"draft", "retired", "withdrawn"})


class Catalogue:
    """A registry, and validators and migrations on demand. Safe to use between requests."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self._validators: dict[tuple[str, str], RustValidator] = {}
        self._migrations: dict[str, Migrations] = {}
        self._versions: dict[str, tuple[ContractVersion, ...]] = {}
        self._found: dict[tuple[str, str], ContractVersion] = {}

    def knows(self, name: str) -> bool:
        """Tell whether there is such a contract."""
        return name in self.names

    @cached_property
    def names(self) -> frozenset[str]:
        """The names of all contracts."""
        return frozenset(one.name for one in self.registry.contracts())

    def versions(self, name: str) -> tuple[ContractVersion, ...]:
        """Return every version of a contract, the oldest first. Raises NotFound."""
        if name not in self._versions:
            found = tuple(one for one in self.registry.contracts() if one.name == name)
            if not found:
                raise NotFound("There is no such contract.", code="contract_not_found")
            self._versions[name] = found
        return self._versions[name]

    def newest(self, name: str) -> ContractVersion:
        """Return the newest version in force, else the newest. Raises NotFound."""
        self.versions(name)
        return self.registry.contract(name)

    def version(self, name: str, wanted: str) -> ContractVersion:
        """Return the version that "1" or "1.4.0" means: of a major the newest in force. Raises
        NotFound."""
        found = self._found.get((name, wanted))
        if found is None:
            self.versions(name)
            if not _WANTED.fullmatch(wanted):
                raise NotFound("That is no version.", code="contract_version_not_found")
            span = wanted if "." in wanted else f"^{wanted}"
            found = self._found[name, wanted] = self.registry.contract(name, span)
        return found

    def majors(self, name: str) -> frozenset[int]:
        """Return every major of a contract. Raises NotFound."""
        return frozenset(one.major for one in self.versions(name))

    def served(self, name: str) -> Iterable[int]:
        """Return the majors of a contract that somebody is served, in order."""
        found = {one.major for one in self.versions(name) if one.status not in _NOT_SERVED}
        return sorted(found)

    def validator(self, name: str, version: str) -> RustValidator:
        """Return what judges documents that are sent in that version."""
        key = (name, version)
        if key not in self._validators:
            schema = self.registry.bundled_schema(name, version)
            self._validators[key] = compile_validator(schema, Profile.WRITER)
        return self._validators[key]

    def migrations(self, name: str) -> Migrations:
        """Return what leads from one major to another."""
        if name not in self._migrations:
            self._migrations[name] = compile_migrations(self.registry, name)
        return self._migrations[name]
