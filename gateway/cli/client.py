"""`remithub client`: the connected systems that may call the API."""

from pathlib import Path

__all__ = ["break_glass", "password", "show"]

_COLUMNS = {
    "client": "Client",
    "title": "Title",
    "owner": "Owner",
    "enabled": "In use",
    "interfaces": "Interfaces",
    "scopes": "Scopes",
    "live_keys": "Live keys",
}


def show(*, root: Path = Path(), json: bool = False) -> int:
    """List the systems that may call, with what they are granted.

    Parameters
    ----------
    root
        The hub's folder.
    json
        Print JSON.
    """
    from gateway.cli.output import Output
    from gateway.cli.remote import hub_at
    from gateway.cli.wording import columns

    output = Output(json=json)
    with hub_at(root) as hub:
        found = hub.get("/v1/clients")
    if json:
        output.data(found)
        return 0
    rows = [
        {
            **one,
            "enabled": "yes" if one["enabled"] else "no",
            "interfaces": " ".join(one["interfaces"]) or "none",
            "scopes": " ".join(one["scopes"]) or "none",
        }
        for one in found
    ]
    empty = (
        "No client is configured. Next: put a file into config/clients, then `remithub reload`."
    )
    output.table(columns(_COLUMNS, {"live_keys"}), rows, empty=empty)
    return 0


def password() -> int:
    """Read a password twice and print what to keep of it, for `access.break_glass.secret`.

    Put what it prints into the secret that the setting names, say a file of that name in
    var/secrets. The password itself is kept nowhere.
    """
    import getpass
    import sys

    from gateway.access import keep_password
    from gateway.cli.output import Output
    from gateway.errors import UsageFault
    from gateway.ports import SystemIds

    if sys.stdin.isatty():
        first, second = getpass.getpass("Password: "), getpass.getpass("Again: ")
    else:
        first = second = sys.stdin.readline().rstrip("\r\n")
    if first != second:
        raise UsageFault("They are not the same.", next_step="try again.")
    output = Output()
    output.line(keep_password(first, SystemIds()))
    output.say("Next: keep it as the secret that `access.break_glass.secret` names.")
    return 0


def break_glass(*, reason: str, root: Path = Path(), json: bool = False) -> int:
    """Let the local account in, because the identity provider is away.

    Until somebody signs in at the provider again, its password counts, for four hours at a time.

    Parameters
    ----------
    reason
        What has happened; for the audit.
    root
        The hub's folder.
    json
        Print JSON.
    """
    from gateway.cli.output import Output
    from gateway.cli.remote import hub_at

    output = Output(json=json)
    with hub_at(root) as hub:
        done = hub.post("/v1/break-glass/allow", {"reason": reason})
    if json:
        output.data(done)
    else:
        output.line("The local account is good until somebody signs in at the provider.")
    return 0
