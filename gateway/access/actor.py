"""Who acts: a system, a person, or somebody on the hub's own machine."""

from enum import StrEnum

import msgspec

__all__ = ["LOCAL_NAME", "Actor", "ActorKind", "Duty", "local_actor"]

LOCAL_NAME = "local"
"""How the audit names whoever has the hub's own token file."""


class ActorKind(StrEnum):
    """What kind of party acts."""

    SYSTEM = "system"
    PERSON = "person"
    LOCAL = "local"


class Duty(StrEnum):
    """A role of the table of rights; its columns, in order (a process's role is another thing)."""

    SYSTEM = "connected-system"
    ENGINEER = "integration-engineer"
    BILLER = "biller"
    FINANCE = "finance"
    OPERATOR = "operator"
    AUDITOR = "auditor"
    ADMIN = "admin"
    BREAK_GLASS = "break-glass"
    LOCAL = "local"
    """Has a shell on the hub's machine: the token file lies beside the database and its key."""


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody whose credential was found good.

    `id` stands in the audit: `system:NAME`, `person:SUBJECT`, `local`. `scopes` narrow what the
    duties allow; None does not narrow, an empty set allows nothing. `interfaces` are a system's
    own. `credential` names the key, token or session, never its secret.
    """

    id: str
    kind: ActorKind
    duties: frozenset[Duty]
    tenant: str
    client: str = ""
    scopes: frozenset[str] | None = None
    products: tuple[str, ...] = ()
    interfaces: frozenset[str] = frozenset()
    credential: str = ""


def local_actor(tenant: str) -> Actor:
    """Return whoever has the hub's own token file."""
    return Actor(
        id=LOCAL_NAME,
        kind=ActorKind.LOCAL,
        duties=frozenset({Duty.LOCAL}),
        tenant=tenant,
        credential="token-file",
    )
