"""The one table of rights: what each role may do, and under which condition.

Rows beyond those of the design's role table are marked with *: they are routes that it has no row
for, placed with the nearest one. Deny by default: `-`, a missing row and a missing role are one.
"""

from enum import StrEnum

from gateway.access.actor import Duty

__all__ = ["RIGHTS", "Condition", "Right", "condition_of"]


class Right(StrEnum):
    """What can be done; also the name of the scope that a system's credential needs for it."""

    SUBMIT = "message.submit"
    HEALTH_READ = "health.read"
    MESSAGE_READ = "message.read"
    PHI_REVEAL = "phi.reveal"
    PAYLOAD_EDIT = "payload.edit"
    MONEY_EDIT = "money.edit"
    RETRY = "set-aside.retry"
    RETRY_MANY = "set-aside.retry-many"
    DISCARD = "set-aside.discard"
    RESOLVE = "work.resolve"
    FORCE = "work.force"
    JOURNAL = "journal.control"
    OPERATE = "interface.operate"
    CONFIG_CHANGE = "config.change"
    CONFIG_RELOAD = "config.reload"
    CONFIG_REHEARSE = "config.rehearse"
    SECRET_CHANGE = "secret.change"  # noqa: S105  the name of a right
    ACCESS_READ = "access.read"
    ACCESS_MANAGE = "access.manage"
    OWN_SESSION = "session.own"
    AUDIT_READ = "audit.read"
    AUDIT_VERIFY = "audit.verify"
    MAINTAIN = "maintenance.run"
    SUGGESTION_READ = "suggestion.read"
    SUGGESTION_ACCEPT = "suggestion.accept"
    EXTERNAL_ENABLE = "external.enable"
    PROPOSAL_READ = "proposal.read"
    PROPOSAL_DECIDE = "proposal.decide"
    CATALOGUE_READ = "catalogue.read"
    SUBSCRIBE = "subscription.manage"


class Condition(StrEnum):
    """When a role may do it."""

    NEVER = "never"
    """Not even where another role of the same person would allow it."""
    NO = "-"
    YES = "yes"
    OWN = "own"
    """What belongs to an interface of the system itself."""
    TEST = "test"
    """What belongs to an interface that is not production."""
    ASSIGNED = "assigned"
    """What is assigned to this person."""
    REASON = "reason"
    """With a reason, which counts for one request and goes on the audit record."""
    PROPOSE = "propose"
    """May propose it; somebody else decides."""
    APPROVE = "approve"
    """May do what somebody else has proposed."""
    APPROVAL = "approval"
    """May do it once somebody else has approved."""
    NOT_OWN = "not-own"
    """Whatever is not about the actor itself."""


_TABLE = """
                    system engineer biller   finance  operator auditor admin    glass   local
message.submit      own    test     -        -        -        -       -        -       yes
health.read         own    yes      yes      yes      yes      yes     yes      yes     yes
message.read        own    yes      assigned yes      yes      yes     -        yes     yes
phi.reveal          -      reason   assigned reason   -        reason  never    reason  yes
payload.edit        -      yes      -        -        -        -       -        -       yes
money.edit          -      -        propose  approve  -        -       -        -       -
set-aside.retry     -      yes      assigned assigned yes      -       -        yes     yes
set-aside.retry-many -     approval -        -        approval -       -        -       yes
set-aside.discard   -      approval -        -        approval -       -        -       yes
work.resolve        -      -        yes      yes      -        -       -        -       yes
work.force          -      -        propose  approve  -        -       -        -       yes
journal.control     -      -        -        yes      -        -       -        -       -
interface.operate   -      yes      -        -        yes      -       -        yes     yes
config.change       -      propose  -        -        -        -       approve  -       yes
config.reload*      -      -        -        -        -        -       yes      -       yes
config.rehearse*    -      yes      -        -        yes      -       yes      -       yes
secret.change       -      yes      -        -        -        -       approve  -       yes
access.read*        -      -        -        -        -        yes     yes      yes     yes
access.manage       -      -        -        -        -        -       not-own  not-own yes
session.own*        -      yes      yes      yes      yes      yes     yes      yes     -
audit.read          -      -        -        -        -        yes     -        -       yes
audit.verify        -      -        -        -        -        yes     yes      -       yes
maintenance.run     -      -        -        -        yes      -       approve  -       yes
suggestion.read     -      -        yes      yes      -        yes     -        -       -
suggestion.accept   -      -        yes      yes      -        -       -        -       -
external.enable     -      -        -        -        -        -       approval -       -
proposal.read*      -      yes      yes      yes      yes      yes     yes      yes     yes
proposal.decide*    -      yes      -        yes      yes      -       yes      -       yes
catalogue.read*     yes    yes      yes      yes      yes      yes     yes      yes     yes
subscription.manage* own   -        -        -        -        -       -        -       yes
"""


def _read(table: str) -> dict[Right, dict[Duty, Condition]]:
    _, *rows = table.strip("\n").splitlines()
    found: dict[Right, dict[Duty, Condition]] = {}
    for row in rows:
        name, *cells = row.split()
        found[Right(name.rstrip("*"))] = dict(zip(Duty, map(Condition, cells), strict=True))
    return found


RIGHTS = _read(_TABLE)
"""Right -> role -> condition."""


def condition_of(duty: Duty, right: Right) -> Condition:
    """Return the cell; NO where there is none."""
    return RIGHTS.get(right, {}).get(duty, Condition.NO)
