"""`remithub contract check`: everything that is wrong with contracts, with no configuration at all."""

from pathlib import Path

__all__ = ["check"]


def check(name: str = "", *, root: Path = Path(), json: bool = False) -> int:
    """Check contracts: schemas, examples, quality rules, migrations, and who reads them.

    Parameters
    ----------
    name
        One contract; without it, all that lie in the folder.
    root
        The folder with contracts/ in it.
    json
        Print JSON.
    """
    import os

    from gateway.app.contract_folder import contract_folder
    from gateway.cli.contract_checking import contract_faults
    from gateway.cli.exits import Exit
    from gateway.cli.output import Output
    from gateway.ports import SystemClock

    output = Output(json=json)
    folder = contract_folder(
        root,
        os.environ,
        unread=lambda error: output.say(f"Subscriptions are not looked at: {error.message}"),
    )
    if name:
        folder.registry.contract(name)
    found = [
        fault
        for fault in contract_faults(folder, SystemClock().now(), reviewed=True)
        if not name or fault.contract == name
    ]
    if json:
        output.data([{"file": one.file, "reason": one.reason} for one in found])
        return Exit.FAILED if found else Exit.OK
    for one in found:
        output.line(f"{one.file}: {one.reason}")
    checked = {one.name for one in folder.own() if not name or one.name == name}
    output.say(f"{len(checked)} contracts, {len(found)} problems.")
    return Exit.FAILED if found else Exit.OK
