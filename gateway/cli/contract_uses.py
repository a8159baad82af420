"""`remithub contract uses`: who names a contract, what of it they read, who called it last."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.app.contract_folder import ContractFolder
    from gateway.cli.output import Output
    from gateway.governance.lifecycle import Usage

__all__ = ["uses"]


def uses(contract: str, *, root: Path = Path(), json: bool = False) -> int:
    """Show who names a contract, what of it they read, and who called it last.

    Mappings, interfaces, routes and declared consumers, and what the hub knows, running or not:
    subscriptions, and clients at the newest major that they have used. A range such as ^1.0 means
    the newest version in force that fits it.

    Parameters
    ----------
    contract
        The contract (remittance-advice), or one version of it (remittance-advice/1.0.0).
    root
        The folder with config/, contracts/ and mappings/ in it.
    json
        Print JSON, with every path that is read.
    """
    import os

    from gateway.app.contract_folder import contract_folder
    from gateway.cli.contract_usage import asked_at
    from gateway.cli.output import Column, Output
    from gateway.governance.consumers import reads_of
    from gateway.governance.references import referenced_by

    name, _, version = contract.partition("/")
    folder = contract_folder(root, os.environ)
    found = folder.registry.contract(name, version or "*")
    wanted = found.version if version else ""
    reads = reads_of(folder.reads, name)
    usage, clients = asked_at(folder, name, found.version)
    named = sorted({*folder.references, *clients})
    rows = [
        {
            "by": one.by,
            "version": one.version,
            "reads": sorted(reads.get(one.by, ())) if json else _read(reads.get(one.by)),
        }
        for one in referenced_by(folder.registry, named, name, wanted)
    ]
    columns = [
        Column(key="by", title="Who"),
        Column(key="version", title="Version"),
        Column(key="reads", title="Reads"),
    ]
    output = Output(json=json)
    calls = _calls(folder, usage, name, wanted)
    if json:
        output.data({"named_by": rows, "calls": calls})
        return 0
    output.table(columns, rows, empty=f"Nothing here names {contract}.")
    _tell_calls(output, calls, contract)
    return 0


def _tell_calls(output: "Output", calls: list[dict[str, object]] | None, contract: str) -> None:
    from gateway.cli.output import Column

    if calls is None:
        output.say("No hub has run on this folder that counts calls.")
        return
    output.line("")
    titles = ("version", "client", "last_at", "calls")
    columns = [Column(key=key, title=key.replace("_", " ").capitalize()) for key in titles]
    output.table(columns, calls, empty=f"Nobody has called {contract}.")


def _calls(
    folder: "ContractFolder", usage: "Usage | None", name: str, version: str
) -> list[dict[str, object]] | None:
    """Return who called which version, the last one first; None where nobody counts."""
    from gateway.governance.lifecycle import written

    if usage is None:
        return None
    versions = [one.version for one in folder.registry.contracts() if one.name == name]
    return [
        {"version": one, "client": call.client, "last_at": written(call.at), "calls": call.count}
        for one in versions
        if version in ("", one)
        for call in usage.last_calls(name, one)
    ]


def _read(paths: frozenset[str] | None) -> str:
    if paths is None:
        return ""
    return "all of it" if "" in paths else f"{len(paths)} paths"
