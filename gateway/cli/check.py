"""`remithub check`: configuration, contracts, mappings, and how they refer to each other."""

from pathlib import Path

__all__ = ["check"]


def check(*, root: Path = Path(), json: bool = False) -> int:
    """Check configuration, contracts, mappings and how they refer to each other.

    Every problem is a line `file:line: reason`; warnings do not fail.

    Parameters
    ----------
    root
        The folder with config/, contracts/ and mappings/ in it.
    json
        Print JSON.
    """
    import os

    from gateway.cli.checking import Weight, troubles
    from gateway.cli.exits import Exit
    from gateway.cli.output import Output

    output = Output(json=json)
    found = [*troubles(root, os.environ)]
    failed = [one for one in found if one.weight is Weight.FAILURE]
    if json:
        output.data([{**one.document(), "weight": one.weight.value} for one in found])
        return Exit.FAILED if failed else Exit.OK
    for one in found:
        output.line(f"{one.place}: {'warning: ' if one not in failed else ''}{one.reason}")
    output.say(f"{len(failed)} problems, {len(found) - len(failed)} warnings.")
    return Exit.FAILED if failed else Exit.OK
