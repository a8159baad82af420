"""Looks a configuration over for what is built twice; `gateway.governance.sprawl` says what that is."""

from collections.abc import Mapping
from pathlib import Path

from gateway.app import registry_of
from gateway.governance.sprawl import (
    Link,
    Sprawl,
    interface_sprawl,
    mapping_sprawl,
    system_of,
)
from gateway.pipeline import Bundle, compile_bundle
from gateway.registry import Registry
from gateway.settings import read_config

__all__ = ["doubled_interfaces", "doubled_mappings", "sprawl_of"]


def doubled_interfaces(bundle: Bundle) -> list[Sprawl]:
    """Return the pairs of interfaces that connect the same system, contract and direction."""
    taken = [
        Link(
            interface=name,
            system=system_of(one.settings.settings) if one.settings.connector else "",
            contract=one.contract.name,
            direction="in",
        )
        for name, one in bundle.sources.items()
    ]
    sent = [
        Link(
            interface=name,
            system=system_of(one.settings.settings),
            contract=one.accepts.name,
            direction="out",
        )
        for name, one in bundle.sinks.items()
    ]
    return interface_sprawl([*taken, *sent])


def doubled_mappings(registry: Registry) -> list[Sprawl]:
    """Return the pairs of mappings that do the same under two names."""
    return mapping_sprawl({one.name: one.text for one in registry.mappings()})


def sprawl_of(root: Path, environment: Mapping[str, str]) -> list[Sprawl]:
    """Return everything that is there twice below a root folder. Raises ConfigError."""
    registry = registry_of(root)
    found = doubled_mappings(registry)
    if (root / "config").is_dir() and (root / "config" / "hub.yaml").is_file():
        config = read_config(root / "config", environment)
        found += doubled_interfaces(compile_bundle(config, registry))
    return found
