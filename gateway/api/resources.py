"""Finds what a decision needs to know of the object that a request is about."""

from collections.abc import Mapping
from typing import Any

from gateway.access import Resource
from gateway.api.rules import Kind, Rule
from gateway.api.services import Services
from gateway.errors import NotFound
from gateway.pipeline import Bundle
from gateway.store import Row

__all__ = ["bare", "resource_of"]


def bare(rule: Rule, hub: Services, name: str = "") -> Resource:
    """Return the resource without looking anything up: enough where no condition asks for more."""
    return Resource(
        kind=rule.kind.value,
        id=name,
        tenant=hub.bundle.tenant,
        collection=rule.collection,
        phi=bool(rule.reads),
    )


async def resource_of(rule: Rule, hub: Services, name: str, query: Mapping[str, Any]) -> Resource:
    """Return the resource with its interfaces. Raises NotFound for an object that is not there."""
    interfaces = await _interfaces(rule, hub, name, query)
    return Resource(
        kind=rule.kind.value,
        id=name,
        tenant=hub.bundle.tenant,
        interfaces=frozenset(interfaces),
        owner=await _owner(rule, hub, name),
        phi=bool(rule.reads),
        test=bool(interfaces) and all(is_test(hub.bundle, one) for one in interfaces),
        collection=rule.collection,
    )


async def _owner(rule: Rule, hub: Services, name: str) -> str:
    if rule.kind is Kind.KEY:
        row = await _one(hub, rule, "api_key_get", key_id=name)
        return str(row["client"])
    if rule.kind is Kind.SUBSCRIPTION:
        return _subscriber(hub, rule, name)
    return name if rule.kind is Kind.CLIENT else ""


def _subscriber(hub: Services, rule: Rule, name: str) -> str:
    sink = hub.bundle.sinks.get(name)
    if sink is None or sink.grant is None:
        raise NotFound(f"There is no such {rule.kind.value}.")
    return sink.grant.client


async def _interfaces(rule: Rule, hub: Services, name: str, query: Mapping[str, Any]) -> set[str]:
    match rule.kind:
        case Kind.INTERFACE:
            return {name}
        case Kind.CONTRACT:
            return _takers(hub.bundle, name, str(query.get("interface", "")))
        case Kind.ARTIFACT:
            row = await _one(hub, rule, "artifact_by_id", artifact_id=name)
            return {row["interface"]}
        case Kind.MESSAGE:
            return await _of_message(hub, rule, name)
        case Kind.DELIVERY | Kind.ASIDE:
            delivery = name.partition("@")[0]
            row = await _one(hub, rule, "owed_by_delivery_id", delivery_id=delivery)
            return {row["interface"]}
        case _:
            return set()


def is_test(bundle: Bundle, interface: str) -> bool:
    """Whether test files are expected at an interface; only feeds in can say so."""
    source = bundle.sources.get(interface)
    return source is not None and not source.settings.production


def _takers(bundle: Bundle, contract: str, named: str) -> set[str]:
    """Return where a message of that contract would go in: what is named, or the only one."""
    able = {
        name
        for name, source in bundle.sources.items()
        if source.settings.format == "json"
        and source.mapping is None
        and source.contract.name == contract
    }
    if named:
        return able & {named}
    return able if len(able) == 1 else set()


async def _of_message(hub: Services, rule: Rule, message_id: str) -> set[str]:
    """A message belongs to the interface it came by and to those it is owed to."""
    row = await _one(hub, rule, "message_by_id", message_id=message_id)
    owed = await hub.store.fetch("owed_of_item", item_id=message_id)
    return {row["interface"], *(delivery["interface"] for delivery in owed)}


async def _one(hub: Services, rule: Rule, query: str, **key: str) -> Row:
    rows = await hub.store.fetch(query, **key)
    if not rows:
        raise NotFound(f"There is no such {rule.kind.value}.")
    return rows[0]
