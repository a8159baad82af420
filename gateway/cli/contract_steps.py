"""`remithub contract propose|deprecate|sunset|retire|withdraw|approve`: the steps of a version's life.

The record stands in `contract.yaml`, so that git keeps who did what. Who may write the folder may
propose and approve here; that they are two people is checked by name.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.app.contract_folder import ContractFolder, Decide
    from gateway.governance.lifecycle import Actor
    from gateway.registry import ContractVersion, ProposedStep, VersionRecord

__all__ = ["approve", "deprecate", "propose", "retire", "sunset", "withdraw"]

_MAX_REASON = 100


def propose(name: str, version: str, *, by: str = "", root: Path = Path()) -> int:
    """Propose that a draft becomes active; another person then approves it.

    Refused where lint, examples, quality rules, compatibility, migrations or a consumer are
    against it.

    Parameters
    ----------
    name
        The contract.
    version
        Its version, such as 1.1.0.
    by
        Who proposes it; without it, whoever runs the command.
    root
        The folder with contracts/ in it.
    """
    return _propose(name, version, _step("active"), by=by, root=root)


def deprecate(
    name: str,
    version: str,
    *,
    successor: str = "",
    sunset_at: str = "",
    by: str = "",
    root: Path = Path(),
) -> int:
    """Propose that a version is deprecated, or that its sunset is put off.

    Parameters
    ----------
    name
        The contract.
    version
        Its version.
    successor
        The version to move to; it is active and newer.
    sunset_at
        The day of its sunset (2027-06-30), 180 days away at least; 30 for a beta.
    by
        Who proposes it; without it, whoever runs the command.
    root
        The folder with contracts/ in it.
    """
    step = _step("deprecated", successor=successor, sunset_at=sunset_at)
    return _propose(name, version, step, by=by, root=root)


def sunset(name: str, version: str, *, by: str = "", root: Path = Path()) -> int:
    """Propose that no new client gets a deprecated version, from the day announced.

    Parameters
    ----------
    name
        The contract.
    version
        Its version.
    by
        Who proposes it; without it, whoever runs the command.
    root
        The folder with contracts/ in it.
    """
    return _propose(name, version, _step("sunset"), by=by, root=root)


def retire(
    name: str,
    version: str,
    *,
    waive: str = "",
    until: str = "",
    by: str = "",
    root: Path = Path(),
) -> int:
    """Propose that a version is served to nobody any more.

    Refused while a mapping, interface, route, consumer, subscription or client names it, and while
    it was called within 30 days. Calls are known where a hub has run; elsewhere, say why they need
    not be looked at.

    Parameters
    ----------
    name
        The contract.
    version
        Its version.
    waive
        Why calls need not be looked at.
    until
        The day until which that holds.
    by
        Who proposes it; without it, whoever runs the command.
    root
        The folder with contracts/ in it.
    """
    from gateway.errors import UsageFault
    from gateway.registry import Waived

    if bool(waive) is not bool(until) or len(waive) > _MAX_REASON:
        raise UsageFault(
            f"A waiver has a reason of at most {_MAX_REASON} characters and a day: --waive REASON"
            " --until DAY."
        )
    waiver = Waived(reason=waive, until=until) if waive else None
    return _propose(name, version, _step("retired", waiver=waiver), by=by, root=root)


def withdraw(name: str, version: str, *, by: str = "", root: Path = Path()) -> int:
    """Propose that a draft is given up.

    Parameters
    ----------
    name
        The contract.
    version
        Its version.
    by
        Who proposes it; without it, whoever runs the command.
    root
        The folder with contracts/ in it.
    """
    return _propose(name, version, _step("withdrawn"), by=by, root=root)


def approve(name: str, version: str, *, by: str = "", root: Path = Path()) -> int:
    """Approve what another person has proposed, and carry it out.

    All gates are tried again. A version that becomes active is locked.

    Parameters
    ----------
    name
        The contract.
    version
        Its version.
    by
        Who approves it; without it, whoever runs the command.
    root
        The folder with contracts/ in it.
    """
    from gateway.cli.output import Output
    from gateway.governance import lifecycle

    folder = _folder(root)
    contract = folder.registry.contract(name, version)
    proposed = contract.record.proposed
    actor = _actor(by)
    record = _take(
        folder,
        contract,
        proposed.to if proposed else "",
        lambda now, facts: lifecycle.approve(now, actor, facts),
    )
    words = " Its files are locked." if record.status == lifecycle.Status.ACTIVE else ""
    Output().say(f"{contract.identity} is {record.status}, proposed by {record.author}.{words}")
    return 0


def _step(to: str, **more: "object") -> "ProposedStep":
    import msgspec

    from gateway.registry import ProposedStep

    return msgspec.structs.replace(ProposedStep(to=to, by="", at=""), **more)


def _propose(name: str, version: str, step: "ProposedStep", *, by: str, root: Path) -> int:
    from gateway.cli.output import Output
    from gateway.governance import lifecycle

    folder = _folder(root)
    contract = folder.registry.contract(name, version)
    actor = _actor(by)
    _take(folder, contract, step.to, lambda now, facts: lifecycle.propose(now, step, actor, facts))
    output = Output()
    output.say(f"{contract.identity}: {step.to} is proposed.")
    output.say(f"Next: somebody else runs `remithub contract approve {name} {contract.version}`.")
    return 0


def _folder(root: Path) -> "ContractFolder":
    import os

    from gateway.app.contract_folder import contract_folder
    from gateway.errors import UsageFault

    if not (root / "contracts").is_dir():
        raise UsageFault(
            "There is no contracts folder here.",
            next_step="run it in the root folder, or name it with --root.",
        )
    return contract_folder(root, os.environ)


def _take(
    folder: "ContractFolder",
    contract: "ContractVersion",
    to: str,
    decide: "Decide",
) -> "VersionRecord":
    from gateway.cli.contract_usage import asked_at
    from gateway.ports import SystemClock

    wanted = to == "retired"
    usage, clients = asked_at(folder, contract.name, contract.version) if wanted else (None, [])
    now = SystemClock().now()
    record = folder.decided(contract, to, decide, now=now, known=clients, usage=usage)
    folder.put(contract, record)
    return record


def _actor(by: str) -> "Actor":
    import getpass

    from gateway.errors import UsageFault
    from gateway.governance.lifecycle import Actor, Permission

    try:
        name = by or getpass.getuser()
    except (KeyError, OSError, ImportError):
        raise UsageFault("This machine does not know who you are: say it with --by.") from None
    return Actor(name, frozenset(Permission))
