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
    """Make the password and the codes of the local account; print what to keep of them.

    What stands on stdout goes into the secret that `access.break_glass.secret` names, say a file
    of that name in var/secrets. The password and the address for an authenticator are told this
    once and kept nowhere.
    """
    from gateway.access import code_url, new_password
    from gateway.cli.output import Output
    from gateway.ports import SystemIds

    made, output = new_password(SystemIds()), Output()
    output.line(made.kept)
    output.say(f"Password: {made.password}")
    output.say(f"Codes: {code_url(made.seed)}")
    output.say("Next: keep the line as the secret that `access.break_glass.secret` names; put the")
    output.say("password into a safe and the codes into an authenticator, not in the same place.")
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
