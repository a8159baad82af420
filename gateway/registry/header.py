"""What `contract.yaml` says: who keeps a contract, what is promised, how far each version has come."""

import msgspec

__all__ = [
    "ContractHeader",
    "ContractIndex",
    "ProposedStep",
    "ServiceLevel",
    "VersionRecord",
    "Waived",
]


class ContractIndex(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Dotted paths to what a message is joined and weighed by; empty where there is none."""

    correlation: str = ""
    amount: str = ""
    identity: str = ""
    """What must be seen once only: a second message of the same value is held."""


class ServiceLevel(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True
):
    """What a consumer may expect (after `slaProperties` of ODCS 3.1)."""

    latency_seconds: int = 0
    """From what happened to the message handed over, 99 of 100; 0: nothing is promised."""
    frequency: str = ""
    """How often messages come: on_change, hourly, daily, business_daily."""
    availability_percent: str = ""
    """Decimal text: share of a month in which the endpoints answer."""


class Waived(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True
):
    """A gate that people let pass: why, and until when (RFC 3339, UTC)."""

    reason: str
    until: str


class ProposedStep(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True
):
    """A step of a version's life that waits for a second person. Moments are RFC 3339, UTC."""

    to: str
    by: str
    at: str
    successor: str = ""
    sunset_at: str = ""
    waiver: Waived | None = None
    """Lets the zero-calls gate of a retirement pass."""


class VersionRecord(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True
):
    """How far one version has come. Moments are RFC 3339, UTC ("2026-05-12T00:00:00Z")."""

    status: str
    stability: str = "stable"
    """`stable` or `beta`: how long before a sunset it must be announced."""
    author: str = ""
    """Who proposed the last step."""
    approved_by: str = ""
    """Who approved it; never the author."""
    active_at: str = ""
    deprecated_at: str = ""
    sunset_at: str = ""
    """From when new clients are refused; announced when it is deprecated."""
    retired_at: str = ""
    withdrawn_at: str = ""
    successor: str = ""
    """The version to move to."""
    proposed: ProposedStep | None = None


class ContractHeader(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What `contract.yaml` says about all versions of a contract (after ODCS 3.1)."""

    id: str
    name: str
    title: str
    owner: str
    support: str
    status: str
    compatibility: str
    classification: str
    regulation: str = ""
    retention_days: int
    sla: ServiceLevel = ServiceLevel()
    events: tuple[str, ...] = ()
    versions: dict[str, str | VersionRecord] = {}
    """Single versions whose status is not the contract's, or that have gone through steps."""
    index: ContractIndex = ContractIndex()

    def record(self, version: str) -> VersionRecord:
        """Return what is known of one version; its status is the contract's where none is said."""
        found = self.versions.get(version, self.status)
        return VersionRecord(status=found) if isinstance(found, str) else found
