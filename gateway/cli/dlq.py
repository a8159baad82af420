"""`remithub dlq`: dead letters, held parts, parked deliveries: look, replay, release, park, confirm, discard."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

if TYPE_CHECKING:
    from gateway.cli.output import Output
    from gateway.cli.remote import Remote

__all__ = ["Choice", "confirm", "discard", "groups", "list", "park", "release", "replay", "show"]

_LIST = {
    "id": "Id",
    "state": "State",
    "interface": "Interface",
    "code": "Error",
    "attempts": "Tries",
    "amount": "Dollars",
    "since": "Since",
}
_GROUPS = {
    "group": "Group",
    "interface": "Interface",
    "state": "State",
    "code": "Error",
    "count": "Count",
    "amount": "Dollars",
    "oldest": "Oldest",
}
_NOTHING = "Nothing is set aside: no dead letter, no held part, nothing parked or waiting."


def _option(text: str) -> Any:
    return Parameter(help=text)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Choice:
    """Which ones, and how; the same options on every verb that changes something."""

    group: Annotated[str, _option("Everything with this error, as `dlq groups` names it.")] = ""
    state: Annotated[str, _option("Everything in this state: dead, held, parked, waiting.")] = ""
    interface: Annotated[str, _option("Everything at this interface.")] = ""
    all: Annotated[bool, _option("Everything that is set aside.")] = False
    reason: Annotated[str, _option("Why, for the audit record; confirm and discard need one.")] = (
        ""
    )
    order_id: Annotated[
        str,
        _option("A name for this: the same again, here or at another node, does nothing twice."),
    ] = ""
    dry_run: Annotated[bool, _option("Only say how many and how much money.")] = False
    yes: Annotated[bool, _option("Do not ask.")] = False
    root: Annotated[Path, _option("The hub's folder.")] = Path()
    json: Annotated[bool, _option("Print JSON.")] = False

    def order(self, ids: tuple[str, ...]) -> dict[str, Any]:
        """Return what the API is asked for."""
        state = {"state": self.state} if self.state else {}
        return {
            "ids": ids,
            "group": self.group,
            "interface": self.interface,
            "everything": self.all,
            "reason": self.reason,
            "order": self.order_id,
            **state,
        }


def list(  # noqa: A001  the verb's name
    *,
    state: str = "",
    interface: str = "",
    group: str = "",
    after: str = "",
    limit: int = 50,
    root: Path = Path(),
    json: bool = False,
) -> int:
    """List what is set aside, in the order it was owed.

    Parameters
    ----------
    state
        Only this state: dead, held, parked, waiting, confirming.
    interface
        Only this interface.
    group
        Only this error, as `dlq groups` names it.
    after
        What the list before named to go on with.
    limit
        How many, up to 1000.
    root
        The hub's folder.
    json
        Print JSON.
    """
    from gateway.cli.output import Output
    from gateway.cli.remote import hub_at
    from gateway.cli.wording import columns, dollars, moment

    output = Output(json=json)
    asked = {"state": state, "interface": interface, "group": group, "after": after}
    with hub_at(root) as hub:
        page = hub.get("/v1/set-aside", limit=limit, **asked)
    if json:
        output.data(page)
        return 0
    rows = [
        {**one, "amount": dollars(one["amount"]), "since": moment(one["since"])}
        for one in page["set_aside"]
    ]
    output.table(columns(_LIST, {"amount", "attempts"}), rows, empty=_NOTHING)
    if page["next"]:
        output.say(f"There are more: add --after {page['next']}")
    return 0


def groups(
    *, state: str = "", interface: str = "", root: Path = Path(), json: bool = False
) -> int:
    """List what is set aside by interface, state and error, with its money.

    Parameters
    ----------
    state
        Only this state: dead, held, parked, waiting, confirming.
    interface
        Only this interface.
    root
        The hub's folder.
    json
        Print JSON.
    """
    from gateway.cli.output import Output
    from gateway.cli.remote import hub_at
    from gateway.cli.wording import columns, dollars, moment

    output = Output(json=json)
    with hub_at(root) as hub:
        found = hub.get("/v1/set-aside/groups", state=state, interface=interface)
    if json:
        output.data(found)
        return 0
    rows = [
        {**one, "amount": dollars(one["amount"]), "oldest": moment(one["oldest_since"])}
        for one in found
    ]
    output.table(columns(_GROUPS, {"count", "amount"}), rows, empty=_NOTHING)
    return 0


def show(id: str, *, root: Path = Path(), json: bool = False) -> int:  # noqa: A002 - the argument's name
    """Show one with its attempts, and with findings and amounts where it is part of a file.

    Parameters
    ----------
    id
        What `dlq list` names it.
    root
        The hub's folder.
    json
        Print JSON.
    """
    from gateway.cli.output import Output
    from gateway.cli.remote import hub_at
    from gateway.cli.wording import dollars, moment

    output = Output(json=json)
    with hub_at(root) as hub:
        found = hub.get(f"/v1/set-aside/{id}")
    if json:
        output.data(found)
        return 0
    facts = dict(found["set_aside"])
    facts |= {"amount": dollars(facts["amount"]), "since": moment(facts["since"])}
    facts["due_at"] = moment(facts["due_at"])
    output.record(facts)
    if found["part"]:
        _show_part(output, found["part"])
    for one in found["attempts"]:
        words = " ".join(w for w in (one["code"], one["detail"]) if w)
        output.line(f"try {one['number']}  {moment(one['at'])}  {one['outcome']}  {words}")
    return 0


def _show_part(output: "Output", part: Mapping[str, Any]) -> None:
    from gateway.cli.wording import dollars

    amounts = {k: dollars(part[k]) for k in ("amount", "claims_paid", "adjustments")}
    output.record({f"part_{name}": text for name, text in amounts.items()})
    for one in part["findings"]:
        place = f"segment {one.get('segment', 0)} {one.get('segment_id', '')}".rstrip()
        place = one.get("pointer") or place
        output.line(f"{one['severity']}: {one['code']} at {place}")


def replay(*ids: str, choice: Choice | None = None) -> int:
    """Send it through again, from where it failed.

    Parameters
    ----------
    ids
        What `dlq list` names them.
    """
    return _act("replay", ids, choice or Choice())


def release(*ids: str, choice: Choice | None = None) -> int:
    """Let held parts go in spite of what is suspect about them.

    Parameters
    ----------
    ids
        What `dlq list` names them.
    """
    return _act("release", ids, choice or Choice())


def park(*ids: str, choice: Choice | None = None) -> int:
    """Set it aside for later: nothing tries it until it is replayed.

    Parameters
    ----------
    ids
        What `dlq list` names them.
    """
    return _act("park", ids, choice or Choice())


def confirm(*ids: str, choice: Choice | None = None) -> int:
    """Settle a delivery whose effect you have seen at the destination; needs a reason.

    The other choice for one whose outcome is unknown is `dlq replay`, which sends it again.

    Parameters
    ----------
    ids
        What `dlq list` names them.
    """
    return _act("confirm", ids, choice or Choice())


def discard(*ids: str, choice: Choice | None = None) -> int:
    """Give it up for good, with a reason; it stays on record.

    Parameters
    ----------
    ids
        What `dlq list` names them.
    """
    return _act("discard", ids, choice or Choice())


def _act(action: str, ids: tuple[str, ...], choice: Choice) -> int:
    from gateway.cli.output import Output
    from gateway.cli.remote import hub_at

    output = Output(json=choice.json)
    order = choice.order(ids)
    with hub_at(choice.root) as hub:
        if not ids and not choice.dry_run and not choice.yes:
            _ask(action, hub, order, output)
        report = hub.post(f"/v1/set-aside/{action}", {**order, "dry_run": choice.dry_run})
    if choice.json:
        output.data(report)
        return 0
    output.line(_words(report))
    if not hub.running and not choice.dry_run and report["count"]:
        output.say("No hub runs here: it goes on when one is started.")
    return 0


def _ask(action: str, hub: "Remote", order: Mapping[str, Any], output: "Output") -> None:
    """Say what would happen and let the person decide. Raises UsageFault where nobody can."""
    import sys

    from gateway.errors import UsageFault

    report = hub.post(f"/v1/set-aside/{action}", {**order, "dry_run": True})
    if not report["count"]:
        return
    output.say(_words(report))
    if not sys.stdin.isatty():
        raise UsageFault(
            "That is more than one, and nobody is here to ask.",
            next_step="name ids, or add --yes; --dry-run only counts.",
        )
    sys.stderr.write("Go on? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise UsageFault("Nothing was done.")


_DONE = {
    "replay": "Replayed",
    "release": "Released",
    "park": "Parked",
    "confirm": "Confirmed",
    "discard": "Discarded",
}


def _words(report: Mapping[str, Any]) -> str:
    from gateway.cli.wording import dollars

    did = f"Would {report['action']}" if report["dry_run"] else _DONE[report["action"]]
    order = f" (order {report['order']})" if report["order"] else ""
    return f"{did} {report['count']:,}, {dollars(report['amount'])}{order}."
