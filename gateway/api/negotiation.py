"""Which version of a contract a request means: what it names, else what the client is pinned to.

Never the newest: a client that names none and has no pin is told which there are. People and the
hub's own machine are shown what is stored, and hand over what the interface says.
"""

from typing import Any

import msgspec

from gateway.api.guard import KEY as CALLER
from gateway.api.guard import Caller
from gateway.api.problems import Gone, NotAcceptable, Unsupported, VersionNotSupported
from gateway.api.services import HubRequest, Services, services
from gateway.api.use import answer_with
from gateway.api.versions import Pin, Versions
from gateway.api.wire import (
    JSON,
    Link,
    Malformed,
    MediaType,
    contract_media_type,
    deprecation_header,
    format_links,
    http_date,
    parse_accept,
    parse_media_type,
)
from gateway.errors import NotFound, UsageFault
from gateway.governance.lifecycle import Status, moment
from gateway.governance.serving import Caller as Asking
from gateway.governance.serving import Serving, notice_of, serving
from gateway.registry import ContractVersion

__all__ = [
    "Meant",
    "accepted_types",
    "announce",
    "asked_major",
    "content_type",
    "given_version",
    "lasts",
    "taken_version",
    "used",
]


_LASTING = (Status.DRAFT, Status.ACTIVE)


class Meant(msgspec.Struct, frozen=True, kw_only=True):
    """The version that a request means. `named`: by the request itself, not by a pin."""

    version: ContractVersion
    named: bool

    @property
    def identity(self) -> str:
        """The value of Hub-Contract: name/1.4.0."""
        return self.version.identity


def content_type(request: Any) -> MediaType:
    """Read Content-Type; without one it is JSON. Raises Unsupported."""
    try:
        return parse_media_type(request.headers.get("content-type") or "application/json")
    except Malformed:
        raise Unsupported("Content-Type is no media type.") from None


def accepted_types(request: Any) -> list[MediaType]:
    """Read Accept, what is liked best first. Raises UsageFault."""
    try:
        found = parse_accept(",".join(request.headers.getall("accept", [])))
        _ = [one.version for one in found]
    except Malformed as fault:
        raise UsageFault(f"Accept is wrong. {fault}", code="request_invalid") from None
    return [one for one in found if one.weight > 0]


async def asked_major(connection: Any, client: str, contract: str) -> int:
    """Return the major that a request names or its client is pinned to; -1 for none, or for a
    header that cannot be read: the route answers that."""
    try:
        if connection.scope["method"] == "POST":
            named = content_type(connection).version
        else:
            named = next((one.version for one in accepted_types(connection) if one.version), "")
    except (UsageFault, Malformed):
        return -1
    if named:
        return int(named.partition(".")[0])
    pins = await _versions(connection).pins(client, contract)
    return pins[0].major if pins else -1


async def taken_version(
    request: HubRequest, contract: str, configured: str, enclosed: str = ""
) -> Meant:
    """Return the version in which a document comes in; `configured` is the interface's own,
    `enclosed` what an envelope says, where Content-Type says nothing.

    Raises Unsupported and VersionNotSupported (415), Gone (410).
    """
    given = content_type(request)
    if given.contract and given.contract != contract:
        raise Unsupported("Content-Type names another contract than the address does.")
    try:
        wanted = given.version or enclosed
    except Malformed as fault:
        raise Unsupported(str(fault)) from None
    meant = await _meant(request, contract, wanted, configured)
    hub = services(request)
    if meant is None or (meant.version.status == "draft" and meant.version.version != configured):
        words = "The contract has no such version." if wanted else "No version is named."
        raise VersionNotSupported(words, _supported(hub, contract))
    await _must_be_served(request, meant.version)
    return meant


async def given_version(
    request: HubRequest, contract: str, stored: str, wanted: str, *, pinned: bool = True
) -> Meant:
    """Return the version in which a document goes out; `stored` is the one that it has.

    `pinned` False: for what is asked without a version the stored one will do. Raises
    NotAcceptable (406), Gone (410).
    """
    meant = await _meant(request, contract, wanted, stored, may_default=not pinned)
    if meant is None:
        words = "The contract has no such version." if wanted else "No version is named."
        raise NotAcceptable(words, _supported(services(request), contract))
    if meant.version.major == int(stored.partition(".")[0]):
        # Within a major nothing is converted: what is shown is what is there.
        there = services(request).catalogue.version(contract, stored)
        meant = Meant(version=there, named=meant.named)
    if meant.named or _caller(request).actor.client:
        await _must_be_served(request, meant.version)
    return meant


async def _meant(
    request: HubRequest,
    contract: str,
    wanted: str,
    configured: str,
    *,
    may_default: bool = False,
) -> Meant | None:
    catalogue = services(request).catalogue
    named = bool(wanted)
    if not wanted:
        client = _caller(request).actor.client
        if not client or may_default:
            wanted = configured
        else:
            pins = await _versions(request).pins(client, contract)
            wanted = pins[0].version if pins else ""
    if not wanted:
        return None
    if wanted == configured.partition(".")[0]:
        wanted = configured  # the major that is at work here anyway, in the version of the place
    try:
        return Meant(version=catalogue.version(contract, wanted), named=named)
    except NotFound:
        return None


async def _must_be_served(request: HubRequest, found: ContractVersion) -> None:
    """Raises Gone: for a version that is retired; after the sunset, for a client that has not used
    the major before."""
    if lasts(found):
        return
    client = _caller(request).actor.client
    pins = await _versions(request).pins(client, found.name) if client else ()
    known = not client or any(_before(pin, found) for pin in pins)
    who = Asking(known=known, drafts=True)  # a draft is a matter of the interface that takes it
    if serving(found.record, who, services(request).ports.clock.now()) is Serving.GONE:
        announce(request, found)
        raise Gone(
            "That version is not served any more.",
            next_step="use the successor; the header Link says which.",
        )


def lasts(found: ContractVersion) -> bool:
    """Tell whether a version is served whatever the clock says: it changes by a step only."""
    return found.record.status in _LASTING


def _before(pin: Pin, found: ContractVersion) -> bool:
    """Tell whether a pin of that major is older than the sunset."""
    sunset = moment(found.record.sunset_at)
    return pin.major == found.major and (sunset is None or pin.at < sunset.timestamp() * 1000)


def _supported(hub: Services, contract: str) -> list[str]:
    try:
        majors = hub.catalogue.served(contract)
    except NotFound:
        return []
    return [contract_media_type(contract, str(major)) for major in majors]


def announce(request: HubRequest, found: ContractVersion) -> None:
    """Say on the answer which version it is about, and what becomes of that version."""
    answer_with(request, "Hub-Contract", found.identity)
    notice = notice_of(found.record)
    if notice is None:
        return
    answer_with(request, "Deprecation", deprecation_header(notice.deprecated_at))
    answer_with(request, "Sunset", http_date(notice.sunset_at))
    place = f"/v1/contracts/{found.name}/versions"
    links = [Link(f"{place}/{found.version}", "deprecation", JSON)]
    if notice.successor:
        links.append(Link(f"{place}/{notice.successor}", "successor-version", JSON))
    answer_with(request, "Link", format_links(links))


async def used(request: HubRequest, meant: Meant) -> None:
    """Record that the version was used: the pin of a client that named it, and the call."""
    announce(request, meant.version)
    actor = _caller(request).actor
    found, book = meant.version, _versions(request)
    if actor.client and meant.named:
        await book.pin(actor.client, found.name, found.version)
    await book.called(found.name, found.version, actor.client or actor.kind.value)


def _caller(request: Any) -> Caller:
    found: Caller = request.scope[CALLER]
    return found


def _versions(request: Any) -> Versions:
    found: Versions = request.app.state["versions"]
    return found
