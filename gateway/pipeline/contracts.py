"""Compiles contract versions for a bundle: schema, quality rules, and what leads from other majors."""

from typing import Any

import msgspec

from gateway.errors import ConfigError
from gateway.governance import Profile, compile_validator, shown_in_full
from gateway.governance.envelope import event_kind
from gateway.governance.migrations import Migrations, compile_migrations
from gateway.governance.quality import Quality, compile_quality
from gateway.pipeline.bundle import Contract
from gateway.registry import ContractVersion, Registry
from gateway.translation import Limits

__all__ = ["Contracts"]

_GONE = frozenset({"retired", "withdrawn"})
_UNRELEASED = frozenset({"draft", "withdrawn"})


class Contracts:
    """The contracts of one bundle, each compiled once. What they are made from goes into `files`,
    so that they can be compiled again from there."""

    def __init__(self, registry: Registry, files: dict[str, str], limits: Limits) -> None:
        self.registry = registry
        self.compiled: dict[str, Contract] = {}
        self._files = files
        self._limits = limits
        self._migrations: dict[tuple[str, frozenset[int]], Migrations | None] = {}

    def contract(self, wanted: str) -> Contract:
        """Return what "receipt@^1.0" means. Raises NotFound, ConfigError."""
        name, _, span = wanted.partition("@")
        found = self.registry.contract(name, span or "*")
        if found.identity not in self.compiled:
            self.compiled[found.identity] = self._compile(found)
        return self.compiled[found.identity]

    def _compile(self, found: ContractVersion) -> Contract:
        if found.status in _GONE:
            raise ConfigError(
                f"{found.name} {found.version} is {found.status}: nothing uses it any more",
                file=_header(found),
            )
        schema = self.keep(found)
        index = found.header.index
        for path in (index.correlation, index.identity):
            # What messages are found by stands in a column in clear.
            if path and not shown_in_full(schema, path):
                raise ConfigError(
                    f"the index '{path}' is PHI or is not there: name a key, a hash or an amount",
                    file=_header(found),
                )
        return Contract(
            name=found.name,
            version=found.version,
            draft=found.status == "draft",
            schema=schema,
            validator=compile_validator(schema, Profile.WRITER),
            correlation=index.correlation,
            amount=index.amount,
            identity=index.identity,
            event=event_kind(found, schema),
            migrations=self._between(found),
            quality=self._quality(found),
        )

    def rules(self, name: str) -> frozenset[str]:
        """Return the names of the quality rules of a contract. Raises NotFound, ConfigError."""
        found = self.registry.contract(name)
        self.keep(found)
        return self._quality(found).names

    def _quality(self, found: ContractVersion) -> Quality:
        file = self.registry.quality(found.name)
        if file is not None:
            place = f"contracts/{found.name}/quality.yaml"
            self._files[place] = file.read_text(encoding="utf-8")
        return compile_quality(self.registry, found.name, found.version, limits=self._limits)

    def keep(self, found: ContractVersion) -> dict[str, Any]:
        """Put a version among the bundle's files, standing alone, and return its schema."""
        schema = self.registry.bundled_schema(found.name, found.version)
        place = f"contracts/{found.name}"
        self._files[f"{place}/contract.yaml"] = as_json(msgspec.to_builtins(found.header))
        self._files[f"{place}/{found.version}/schema.json"] = as_json(schema)
        return schema

    def _between(self, found: ContractVersion) -> Migrations | None:
        """Return the ways between the majors that anything stored may have: a draft's, which may
        be unfinished, are nobody's business but its own."""
        versions = [one for one in self.registry.contracts() if one.name == found.name]
        majors = {one.major for one in versions if one.status not in _UNRELEASED} | {found.major}
        key = (found.name, frozenset(majors))
        if key not in self._migrations:
            self._migrations[key] = self._migrate(*key)
        return self._migrations[key]

    def _migrate(self, name: str, majors: frozenset[int]) -> Migrations | None:
        sources = [one for one in self.registry.migrations(name) if {one.old, one.new} <= majors]
        for source in sources:
            self._files[f"contracts/{source.place}"] = source.text
            for major in (source.old, source.new):
                self.keep(self.registry.contract(name, f"^{major}"))
        if not sources:
            return None
        return compile_migrations(self.registry, name, majors=majors, limits=self._limits)


def _header(found: ContractVersion) -> str:
    return f"contracts/{found.name}/contract.yaml"


def as_json(body: Any) -> str:
    """Write what goes among the bundle's files, the same every time."""
    return msgspec.json.encode(body, order="sorted").decode()
