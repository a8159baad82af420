"""`remithub status`: every interface, what waits, and the money in it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gateway.cli.output import Output

__all__ = ["status"]

_COLUMNS = {
    "name": "Interface",
    "direction": "Way",
    "state": "State",
    "done": "Done",
    "backlog": "Backlog",
    "oldest": "Oldest",
    "waits": "For a person",
    "money": "Dollars",
    "last": "Last",
    "reason": "Reason",
}
_FIGURES = {"done", "backlog", "waits", "money"}
WATCH_SECONDS = 2.0


def status(*, root: Path = Path(), watch: bool = False, json: bool = False) -> int:
    """Show every interface: state, counts, backlog, money that waits for a person.

    Parameters
    ----------
    root
        The hub's folder.
    watch
        Show it again every two seconds until Ctrl-C.
    json
        Print JSON, one document each time.
    """
    import asyncio

    from gateway.cli.output import Output
    from gateway.cli.remote import hub_at
    from gateway.ports import SystemClock

    output = Output(json=json)
    clock = SystemClock()
    with hub_at(root, must_run=watch) as hub:
        while True:
            if watch and output.terminal:
                output.line("\x1b[2J\x1b[H" + clock.now().strftime("%H:%M:%SZ"))
            found = hub.get("/v1/interfaces")
            _show(output, found, now=int(clock.now().timestamp() * 1000))
            if not watch:
                break
            asyncio.run(clock.sleep(WATCH_SECONDS))
        if not hub.running and not json:
            output.say("No hub runs here: this is what stands in the store.")
    return 0


def _show(output: "Output", found: list[dict[str, Any]], *, now: int) -> None:
    if output.json:
        output.data(found)
        return
    from gateway.cli.wording import age, columns, dollars

    rows = [
        {
            **{key: one[key] for key in ("name", "direction", "state", "backlog")},
            "done": _done(one),
            "oldest": age(one["oldest_at"], now),
            "waits": one["waits_for_person"]["count"],
            "money": dollars(one["waits_for_person"]["amount"]),
            "last": age(one["last_file_at"], now),
            "reason": _reason(one, now),
        }
        for one in found
    ]
    empty = "No interface is configured. Next: put a file into config/interfaces, then `remithub reload`."
    output.table(columns(_COLUMNS, _FIGURES), rows, empty=empty)


def _reason(one: dict[str, Any], now: int) -> str:
    """Say why it is as it is, what it is held back by, and for how long something is not final."""
    from gateway.cli.wording import age

    there, since = one["destination"], one["confirming_since"]
    words = [one["reason"]]
    if there and there["per_second"]:
        words.append(f"{there['per_second']:g} calls/s")
    if since:
        words.append(f"not final for {age(since, now)}")
    return ", ".join(word for word in words if word)


def _done(one: dict[str, Any]) -> int:
    name = "artifacts" if one["direction"] == "in" else "deliveries_done"
    count: int = one["counters"].get(name, 0)
    return count
