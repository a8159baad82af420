"""`remithub contract uses`: who names a contract, what of it they read, who called it last."""

from pathlib import Path

__all__ = ["uses"]


def uses(contract: str, *, root: Path = Path(), json: bool = False) -> int:
    """Show who names a contract, and what of it they read.

    Mappings, interfaces, routes and declared consumers; a range such as ^1.0 means the newest
    version in force that fits it.

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

    from gateway.cli.contract_folder import ContractFolder
    from gateway.cli.output import Column, Output
    from gateway.governance.consumers import reads_of
    from gateway.governance.references import referenced_by
    from gateway.ports import SystemClock
    from gateway.translation import Limits

    name, _, version = contract.partition("/")
    folder = ContractFolder(root, dict(os.environ), Limits(monotonic=SystemClock().monotonic))
    found = folder.registry.contract(name, version or "*")
    wanted = found.version if version else ""
    reads = reads_of(folder.reads, name)
    rows = [
        {
            "by": one.by,
            "version": one.version,
            "reads": sorted(reads.get(one.by, ())) if json else _read(reads.get(one.by)),
        }
        for one in referenced_by(folder.registry, folder.references, name, wanted)
    ]
    columns = [
        Column(key="by", title="Who"),
        Column(key="version", title="Version"),
        Column(key="reads", title="Reads"),
    ]
    Output(json=json).table(columns, rows, empty=f"Nothing here names {contract}.")
    return 0


def _read(paths: frozenset[str] | None) -> str:
    if paths is None:
        return ""
    return "all of it" if "" in paths else f"{len(paths)} paths"
