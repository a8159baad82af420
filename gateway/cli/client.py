"""`remithub client`: the connected systems that may call the API."""

from pathlib import Path

__all__ = ["show"]

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
