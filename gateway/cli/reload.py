"""`remithub reload`: make the running hub read its configuration again."""

from pathlib import Path

__all__ = ["reload"]


def reload(*, root: Path = Path(), dry_run: bool = False, json: bool = False) -> int:
    """Make the running hub read its configuration again; a wrong one is refused, the old stays.

    Paused interfaces run again.

    Parameters
    ----------
    root
        The hub's folder.
    dry_run
        Only say what would happen.
    json
        Print JSON.
    """
    from gateway.cli.output import Output
    from gateway.cli.remote import hub_at

    output = Output(json=json)
    with hub_at(root, must_run=True) as hub:
        report = hub.post("/v1/reload", {"dry_run": dry_run})
    if json:
        output.data(report)
        return 0
    if not report["changed"]:
        output.line("Nothing has changed.")
    elif dry_run:
        output.line(f"Would follow bundle {report['bundle']}.")
    else:
        output.line(f"Follows bundle {report['bundle']}.")
    output.line(f"Interfaces: {', '.join(report['interfaces']) or 'none'}.")
    if report["opened"]:
        output.line(f"Opened anew: {', '.join(report['opened'])}.")
    return 0
