"""`remithub doctor`: looks for what will hurt: keys, clock, disk, permissions, the hub itself."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.cli.examination import Sight

__all__ = ["doctor"]


def doctor(*, prod: bool = False, root: Path = Path(), json: bool = False) -> int:
    """Look for what will hurt. Ends with 1 where something is broken, 3 where something is odd.

    Parameters
    ----------
    prod
        Look also for what does for trying, and not in production: plain text, one factor, old
        algorithms, a certificate that vouches for itself.
    root
        The hub's folder.
    json
        Print JSON.
    """
    import os

    from gateway.cli.examination import Mark, examine
    from gateway.cli.exits import Exit
    from gateway.cli.output import Output
    from gateway.cli.wording import columns

    output = Output(json=json)
    sights = [*examine(root)]
    if prod:
        sights += _hardened(root, os.environ)
    rows = [
        {"mark": one.mark.value, "about": one.about, "found": one.found, "next": one.next_step}
        for one in sights
    ]
    titles = {"mark": "", "about": "About", "found": "Found", "next": "Next"}
    output.table(columns(titles), rows)
    marks = {row["mark"] for row in rows}
    if Mark.BROKEN.value in marks:
        return Exit.FAILED
    return Exit.PARTIAL if Mark.ODD.value in marks else Exit.OK


def _hardened(root: Path, environment: "Mapping[str, str]") -> "list[Sight]":
    """Return what is not fit for production; nothing of a configuration that cannot be read,
    which stands among the other sights."""
    from gateway.cli.hardening import harden
    from gateway.errors import HubError
    from gateway.ports import SystemClock
    from gateway.settings import read_config

    try:
        config = read_config(root / "config", environment)
    except HubError:
        return []
    return list(harden(root, config, environment, SystemClock().now()))
