"""`remithub audit`: the record of who did what, and whether it holds."""

from pathlib import Path

__all__ = ["show", "verify"]

_COLUMNS = {
    "when": "When",
    "actor": "Who",
    "action": "What",
    "object_id": "About",
    "outcome": "Outcome",
    "reason": "Why",
}
_CHAINS = {"writer": "Writer", "rows": "Entries", "last_hash": "Last hash", "verdict": "Verdict"}


def show(*, about: str = "", limit: int = 50, root: Path = Path(), json: bool = False) -> int:
    """List who did what, the newest first. That it was read is on the record, too.

    Parameters
    ----------
    about
        Only what is about this id or name.
    limit
        So many at most.
    root
        The hub's folder.
    json
        Print JSON.
    """
    from gateway.cli.output import Output
    from gateway.cli.remote import hub_at
    from gateway.cli.wording import columns, moment

    output = Output(json=json)
    with hub_at(root) as hub:
        found = hub.get("/v1/audit", object=about, limit=limit)["entries"]
    if json:
        output.data(found)
        return 0
    rows = [{**one, "when": moment(one["at"])} for one in found]
    output.table(columns(_COLUMNS), rows, empty="Nothing is on the record.")
    return 0


def verify(*, root: Path = Path(), json: bool = False) -> int:
    """Verify every chain of the record. Ends with 1 where one does not hold.

    Keep the last hashes elsewhere: entries cut off at the end show by them only.

    Parameters
    ----------
    root
        The hub's folder.
    json
        Print JSON.
    """
    from gateway.cli.exits import Exit
    from gateway.cli.output import Output
    from gateway.cli.remote import hub_at
    from gateway.cli.wording import columns

    output = Output(json=json)
    with hub_at(root) as hub:
        found = hub.get("/v1/audit/verification")
    if json:
        output.data(found)
    else:
        rows = [{**one, "verdict": _verdict(one["broken_at"])} for one in found["chains"]]
        output.table(columns(_CHAINS), rows, empty="Nothing is on the record.")
    return Exit.OK if found["holds"] else Exit.FAILED


def _verdict(broken_at: int) -> str:
    return f"does not hold from entry {broken_at} on" if broken_at else "holds"
