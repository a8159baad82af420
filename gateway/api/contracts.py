"""`/v1/contracts`: which contracts there are, who names and who calls them, what a change breaks."""

import asyncio
import json
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
from litestar import get, post
from litestar.params import FromPath, FromQuery
from litestar.status_codes import HTTP_200_OK

from gateway.api.conditional import tag_of, tagged
from gateway.api.negotiation import announce
from gateway.api.services import HubRequest, Services, services
from gateway.api.versions import Versions, recorded_usage, using_clients
from gateway.api.wire import contract_media_type
from gateway.errors import ConfigError, NotFound, Reject, TryAgain, UsageFault
from gateway.governance import Profile, compile_validator
from gateway.governance.compat import (
    CompatProfile,
    Limits,
    Mode,
    Policy,
    Report,
    Subject,
    compare,
    witness_of,
)
from gateway.governance.compat.waivers import waivers_of
from gateway.governance.guard import parse_document
from gateway.governance.lifecycle import written
from gateway.governance.references import Reference, referenced_by, references
from gateway.registry import ContractVersion, VersionRecord

__all__ = [
    "MAX_SCHEMA_BYTES",
    "ROUTES",
    "VersionView",
    "named_by",
    "version_of",
    "version_view",
]

MAX_SCHEMA_BYTES = 1024 * 1024
COMPARE_SECONDS = 5.0
"""After so long a comparison is left to people."""

MAX_FINDINGS = 200
MAX_WITNESS_BYTES = 64 * 1024
_LIVE = frozenset({"active", "deprecated", "sunset"})


class VersionView(msgspec.Struct, frozen=True, kw_only=True):
    """One version: how far it has come, and what it is asked for by."""

    version: str
    status: str
    media_type: str
    life: VersionRecord


class ContractRow(msgspec.Struct, frozen=True, kw_only=True):
    """One contract with its versions, the oldest first."""

    name: str
    title: str
    owner: str
    support: str
    classification: str
    compatibility: str
    versions: list[VersionView]


class ContractDetail(msgspec.Struct, frozen=True, kw_only=True):
    """One version with its schema, which stands alone."""

    name: str
    title: str
    owner: str
    support: str
    classification: str
    regulation: str
    version: VersionView
    schema: dict[str, Any]


class Items(msgspec.Struct, frozen=True, kw_only=True):
    """Who names a version: mappings, interfaces, routes, clients with a pin."""

    items: list[Reference]


class UsageRow(msgspec.Struct, frozen=True, kw_only=True):
    """One client's calls of one version: when last (RFC 3339), how many in 30 days."""

    version: str
    client: str
    last_at: str
    calls: int


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Who called which version, the last one first."""

    items: list[UsageRow]


class FindingView(msgspec.Struct, frozen=True, kw_only=True):
    """One change, and how it weighs."""

    code: str
    severity: str
    level: str
    pointer_old: str
    pointer_new: str
    breaks: list[str]
    message: str
    waived: bool


class CompatibilityView(msgspec.Struct, frozen=True, kw_only=True):
    """What a comparison came to. `verdict`: compatible, incompatible, or review (a person has to
    look); `accepted`: it could be published. `witness` is a list of at most one made-up document
    that a writer may send and a reader refuses; one of more than 64 KiB is left out."""

    is_compatible: bool
    verdict: str
    accepted: bool
    mode: str
    profile: str
    against: list[str]
    required_bump: str
    inclusions: dict[str, str]
    witness: list[Any]
    findings: list[FindingView]
    findings_truncated: bool = False


@get("/v1/contracts", summary="Every contract and its versions", tags=["contracts"])
async def list_contracts(request: HubRequest) -> list[ContractRow]:
    """Return the contracts of the configuration in force."""
    catalogue = services(request).catalogue
    return [_row(catalogue.versions(name)) for name in sorted(catalogue.names)]


@get("/v1/contracts/{name:str}", summary="One contract", tags=["contracts"])
async def show_contract(request: HubRequest, name: FromPath[str]) -> ContractRow:
    """Return a contract and its versions."""
    return _row(services(request).catalogue.versions(name))


@get("/v1/contracts/{name:str}/versions/{version:str}", summary="One version", tags=["contracts"])
async def show_version(
    request: HubRequest, name: FromPath[str], version: FromPath[str]
) -> ContractDetail:
    """Return a version ("1.4.0", or "1": the newest of that major in force) with its schema."""
    hub = services(request)
    found = version_of(hub, name, version)
    announce(request, found)
    tagged(request, tag_of(version_view(found)))
    header = found.header
    return ContractDetail(
        name=name,
        title=header.title,
        owner=header.owner,
        support=header.support,
        classification=header.classification,
        regulation=header.regulation,
        version=version_view(found),
        schema=hub.catalogue.registry.bundled_schema(name, found.version),
    )


@get(
    "/v1/contracts/{name:str}/versions/{version:str}/referencedby",
    summary="Who names a version",
    tags=["contracts"],
)
async def show_references(
    request: HubRequest, name: FromPath[str], version: FromPath[str]
) -> Items:
    """Return mappings, interfaces, routes and clients that would miss it; it is retired only when
    there is none. A client counts at the newest major that it has used."""
    hub = services(request)
    found = version_of(hub, name, version)
    everybody = await named_by(hub, name)
    return Items(items=referenced_by(hub.catalogue.registry, everybody, name, found.version))


async def named_by(hub: Services, name: str) -> list[Reference]:
    """Return every place that names a contract, subscriptions among the interfaces, and the
    clients that are configured and have used it."""
    config = hub.bundle.config
    named = references(hub.catalogue.registry, config)
    return [*named, *await using_clients(hub.store, name, config.clients)]


@get("/v1/contracts/{name:str}/usage", summary="Who calls it", tags=["contracts"])
async def show_usage(request: HubRequest, name: FromPath[str]) -> Usage:
    """Return who called which version, and when last: what a retirement waits for."""
    hub = services(request)
    counted: Versions = request.app.state["versions"]
    await counted.write()
    usage = await recorded_usage(hub.store, name, hub.ports.clock.now())
    calls = [
        (call, one.version)
        for one in hub.catalogue.versions(name)
        for call in usage.last_calls(name, one.version)
    ]
    calls.sort(key=lambda pair: pair[0].at, reverse=True)
    return Usage(
        items=[
            UsageRow(version=v, client=c.client, last_at=written(c.at), calls=c.count)
            for c, v in calls
        ]
    )


@post(
    "/v1/contracts/{name:str}/compatibility",
    status_code=HTTP_200_OK,
    request_max_body_size=MAX_SCHEMA_BYTES,
    summary="What a change would break",
    tags=["contracts"],
)
async def check_compatibility(
    request: HubRequest,
    name: FromPath[str],
    against: FromQuery[str] = "latest",
    mode: FromQuery[str] = "",
    profile: FromQuery[str] = "rw",
) -> CompatibilityView:
    """Compare a schema, the body, with versions of a contract; nothing is published.

    `against` is `latest`, `all` (every version of the newest major in force) or a version; `mode`
    the contract's own unless it is said.
    """
    hub = services(request)
    raw = await request.body()
    parse_document(raw, MAX_SCHEMA_BYTES)  # sizes, depth, equal keys
    schema = json.loads(raw)  # with numbers as the contracts' own files have them
    olds = _against(hub, name, against)
    subjects = [
        Subject(one.identity, hub.catalogue.registry.bundled_schema(name, one.version))
        for one in olds
    ]
    comparing: asyncio.Semaphore = request.app.state["comparing"]
    new = Subject(f"{name}/new", schema)
    run = partial(_judged, subjects, new, mode=_mode(mode, olds[-1]), profile=_profile(profile))
    report = await _compared(hub, comparing, partial(run, policy=_policy(hub, olds[-1])))
    return _compatibility(report)


def _judged(olds: list[Subject], new: Subject, **options: Any) -> Report:
    """Compare, once the new schema is known to be one. Raises Reject (`schema_invalid`)."""
    try:
        compile_validator(new.schema, Profile.AS_WRITTEN)
    except ConfigError:
        raise Reject(
            "The body is no JSON Schema 2020-12 that stands alone.",
            code="schema_invalid",
            next_step="move what it refers to into its own $defs.",
        ) from None
    return compare(olds, new, **options)


async def _compared(
    hub: Services, comparing: asyncio.Semaphore, run: Callable[..., Report]
) -> Report:
    """Compare on a thread of its own, one at a time. Raises TryAgain."""
    clock = hub.ports.clock
    end = clock.monotonic() + COMPARE_SECONDS
    limits = Limits(expired=lambda: clock.monotonic() > end)
    try:
        async with asyncio.timeout(COMPARE_SECONDS + 1), comparing:
            return await asyncio.to_thread(run, limits=limits)
    except TimeoutError:
        raise TryAgain(
            "The comparison takes too long here, or others are being made.",
            next_step="use `remithub contract compat`, which may take longer.",
            retry_after_seconds=int(COMPARE_SECONDS),
        ) from None


def _policy(hub: Services, contract: ContractVersion) -> Policy:
    """Return what publishing holds against a change, waivers included."""
    bases = hub.catalogue.registry.roots
    return Policy(
        contract=contract.name,
        stability=contract.record.stability,
        today=hub.ports.clock.now().date(),
        waivers=[one for base in bases for one in waivers_of(base / "contracts/waivers.yaml")],
    )


def _against(hub: Services, name: str, against: str) -> list[ContractVersion]:
    """Return what is compared with, the oldest first."""
    if against not in ("latest", "all"):
        return [version_of(hub, name, against)]
    there = hub.catalogue.versions(name)
    chosen = [one for one in there if one.status in _LIVE] or list(there)
    if against == "latest":
        return chosen[-1:]
    return [one for one in chosen if one.major == chosen[-1].major]


def _mode(text: str, contract: ContractVersion) -> Mode:
    wanted = (text or contract.header.compatibility).upper()
    if wanted not in list(Mode):
        raise UsageFault(f"`mode` is one of {', '.join(Mode)}.", code="request_invalid")
    return Mode(wanted)


def _profile(text: str) -> CompatProfile:
    if text not in list(CompatProfile):
        known = ", ".join(CompatProfile)
        raise UsageFault(f"`profile` is one of {known}.", code="request_invalid")
    return CompatProfile(text)


def _compatibility(report: Report) -> CompatibilityView:
    findings = [
        FindingView(
            code=one.code,
            severity=str(one.severity),
            level=str(one.level),
            pointer_old=one.pointer_old,
            pointer_new=one.pointer_new,
            breaks=[str(way) for way in one.breaks],
            message=one.message,
            waived=one.waiver is not None,
        )
        for one in report.findings[:MAX_FINDINGS]
    ]
    return CompatibilityView(
        is_compatible=report.verdict == "compatible",
        verdict=str(report.verdict),
        accepted=report.accepted,
        mode=str(report.mode),
        profile=str(report.profile),
        against=list(report.old),
        required_bump=str(report.required_bump),
        inclusions={name: str(one.verdict) for name, one in report.inclusions.items()},
        witness=_witness(report),
        findings=findings,
        findings_truncated=len(report.findings) > MAX_FINDINGS,
    )


def _witness(report: Report) -> list[Any]:
    found = [one for name, one in witness_of(report).items() if name == "witness"]
    return found if len(msgspec.json.encode(found)) <= MAX_WITNESS_BYTES else []


def version_of(hub: Services, name: str, version: str) -> ContractVersion:
    """Return a version. Raises NotFound, in words that do not repeat what was typed."""
    hub.catalogue.versions(name)
    try:
        return hub.catalogue.version(name, version)
    except (NotFound, ValueError):
        raise NotFound(
            "The contract has no such version.", code="contract_version_not_found"
        ) from None


def _row(versions: tuple[ContractVersion, ...]) -> ContractRow:
    newest = versions[-1]
    plain = ("title", "owner", "support", "classification", "compatibility")
    return ContractRow(
        name=newest.name,
        versions=[version_view(one) for one in versions],
        **{name: getattr(newest.header, name) for name in plain},
    )


def version_view(found: ContractVersion) -> VersionView:
    """Return a version as it is shown."""
    return VersionView(
        version=found.version,
        status=found.status,
        media_type=contract_media_type(found.name, str(found.major)),
        life=found.record,
    )


ROUTES = (
    list_contracts,
    show_contract,
    show_version,
    show_references,
    show_usage,
    check_compatibility,
)
