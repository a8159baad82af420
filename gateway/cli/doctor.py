"""`remithub doctor`: looks for what will hurt: keys, clock, disk, permissions, the hub itself."""

from pathlib import Path

__all__ = ["doctor"]


def doctor(*, root: Path = Path(), json: bool = False) -> int:
    """Look for what will hurt. Ends with 1 where something is broken, 3 where something is odd.

    Parameters
    ----------
    root
        The hub's folder.
    json
        Print JSON.
    """
    from gateway.cli.examination import Mark, examine
    from gateway.cli.exits import Exit
    from gateway.cli.output import Output
    from gateway.cli.wording import columns

    output = Output(json=json)
    rows = [
        {"mark": one.mark.value, "about": one.about, "found": one.found, "next": one.next_step}
        for one in examine(root)
    ]
    titles = {"mark": "", "about": "About", "found": "Found", "next": "Next"}
    output.table(columns(titles), rows)
    marks = {row["mark"] for row in rows}
    if Mark.BROKEN.value in marks:
        return Exit.FAILED
    return Exit.PARTIAL if Mark.ODD.value in marks else Exit.OK
