"""`remithub subscription`: what clients have sent to URLs of their own."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

__all__ = ["disable", "enable", "end", "list", "show"]

_COLUMNS = {
    "subscription": "Id",
    "client": "Client",
    "follows": "Follows",
    "host": "Host",
    "state": "State",
    "since": "Since",
}


def list(*, client: str = "", root: Path = Path(), json: bool = False) -> int:  # noqa: A001  the verb's name
    """List what clients have sent to URLs of their own. Of a URL, which may be a secret, only the
    host is shown.

    Parameters
    ----------
    client
        Only this client's.
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
        found = hub.get("/v1/subscriptions")
    shown = [_hidden(one) for one in found if client in ("", one["client"])]
    if json:
        output.data(shown)
        return 0
    rows = [{**one, "follows": _follows(one), "since": moment(_since(one))} for one in shown]
    empty = f"{client or 'No client'} has subscribed to {'nothing' if client else 'anything'}."
    output.table(columns(_COLUMNS), rows, empty=empty)
    return 0


def show(subscription: str, *, root: Path = Path(), json: bool = False) -> int:
    """Show one subscription with what becomes of the next message, and its whole URL.

    Parameters
    ----------
    subscription
        Its id, as `subscription list` shows it.
    root
        The hub's folder.
    json
        Print JSON.
    """
    from gateway.cli.output import Output
    from gateway.cli.remote import hub_at
    from gateway.cli.wording import moment

    output = Output(json=json)
    with hub_at(root) as hub:
        found = hub.get(f"/v1/subscriptions/{subscription}")
    if json:
        output.data(found)
        return 0
    times = {name: moment(found[name]) for name in ("since", "created_at")}
    output.record({**found, **times})
    return 0


def disable(
    subscription: str, *, reason: str = "", root: Path = Path(), json: bool = False
) -> int:
    """Send nothing there for now; what it is owed meanwhile waits. A hub must run.

    Parameters
    ----------
    subscription
        Its id.
    reason
        Why; for the audit.
    root
        The hub's folder.
    json
        Print JSON.
    """
    return _order(subscription, "disable", {"reason": reason}, root=root, json=json)


def enable(subscription: str, *, root: Path = Path(), json: bool = False) -> int:
    """Send there again, from what waits on; also after the URL has answered 410. A hub must run.

    Parameters
    ----------
    subscription
        Its id.
    root
        The hub's folder.
    json
        Print JSON.
    """
    return _order(subscription, "enable", {}, root=root, json=json)


def end(subscription: str, *, root: Path = Path()) -> int:
    """End it: nothing is sent any more, also of what it is still owed. A hub must run.

    Parameters
    ----------
    subscription
        Its id.
    root
        The hub's folder.
    """
    from gateway.cli.output import Output
    from gateway.cli.remote import hub_at

    with hub_at(root, must_run=True) as hub:
        hub.post(f"/v1/subscriptions/{subscription}/end", {})
    Output().line(f"{subscription} is ended.")
    return 0


def _order(subscription: str, order: str, body: dict[str, str], *, root: Path, json: bool) -> int:
    from gateway.cli.output import Output
    from gateway.cli.remote import hub_at

    output = Output(json=json)
    with hub_at(root, must_run=True) as hub:
        found = hub.post(f"/v1/subscriptions/{subscription}/{order}", body)
    if json:
        output.data(_hidden(found))
    else:
        output.line(f"{subscription} of {found['client']} is {found['state']}.")
    return 0


def _hidden(found: dict[str, Any]) -> dict[str, Any]:
    """Return a subscription with the host of its URL in place of the URL."""
    host = urlsplit(found["url"]).netloc
    return {name: one for name, one in found.items() if name != "url"} | {"host": host}


def _follows(found: dict[str, Any]) -> str:
    return f"{found['contract']}@^{found['version']}"


def _since(found: dict[str, Any]) -> int:
    moment: int = found["since"] or found["created_at"]
    return moment
