"""`remithub key`: the API keys of connected systems."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gateway.cli.output import Output

__all__ = ["create", "revoke", "rotate", "show"]

_COLUMNS = {
    "key_id": "Key",
    "client": "Client",
    "state": "State",
    "scopes": "Scopes",
    "created": "Made",
    "expires": "Ends",
    "used": "Last used",
    "label": "Label",
}


def create(
    client: str,
    *,
    scope: tuple[str, ...] = (),
    days: int = 0,
    label: str = "",
    root: Path = Path(),
    json: bool = False,
) -> int:
    """Make an API key of a client. Its secret is shown this once and kept nowhere.

    Parameters
    ----------
    client
        Its name, as in config/clients.
    scope
        What the key is good for; may be given several times. Without: all that the client is
        granted.
    days
        How long it lives, 365 at most. Without: what the client's file says.
    label
        For people: where the key is kept, say.
    root
        The hub's folder.
    json
        Print JSON.
    """
    from gateway.cli.output import Output
    from gateway.cli.remote import hub_at

    order = {"scopes": scope, "days": days, "label": label}
    with hub_at(root) as hub:
        made = hub.post(f"/v1/clients/{client}/keys", order)
    _show_secret(Output(json=json), made)
    return 0


def rotate(
    client: str,
    *,
    overlap_hours: int = 24,
    label: str = "",
    root: Path = Path(),
    json: bool = False,
) -> int:
    """Make the next key of a client; the old one ends after the overlap. Same scopes.

    Parameters
    ----------
    client
        Its name, as in config/clients.
    overlap_hours
        For how long the old key is still good, 720 at most.
    label
        For people; without, the old key's.
    root
        The hub's folder.
    json
        Print JSON.
    """
    from gateway.cli.output import Output
    from gateway.cli.remote import hub_at

    order = {"overlap_hours": overlap_hours, "label": label}
    with hub_at(root) as hub:
        made = hub.post(f"/v1/clients/{client}/keys/rotate", order)
    output = Output(json=json)
    _show_secret(output, made)
    if not json:
        output.say(f"The key before is good for {overlap_hours} hours more.")
    return 0


def revoke(key: str, *, reason: str = "", root: Path = Path(), json: bool = False) -> int:
    """End a key at once; other nodes of the hub follow within seconds.

    Parameters
    ----------
    key
        Its name: what stands before the dot.
    reason
        Why; for the audit.
    root
        The hub's folder.
    json
        Print JSON.
    """
    from gateway.cli.output import Output
    from gateway.cli.remote import hub_at

    # Somebody who pastes the whole key has the secret in no URL and no log.
    name = key.partition(".")[0]
    with hub_at(root) as hub:
        ended = hub.post(f"/v1/keys/{name}/revoke", {"reason": reason})
    output = Output(json=json)
    if json:
        output.data(ended)
    else:
        output.line(f"{ended['key_id']} of {ended['client']} is revoked.")
    return 0


def show(*, client: str = "", root: Path = Path(), json: bool = False) -> int:
    """List the keys, without secrets: the oldest of a client first, ended ones too.

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
        found = hub.get("/v1/keys", client=client)
    if json:
        output.data(found)
        return 0
    rows = [
        {
            **one,
            "scopes": " ".join(one["scopes"]),
            "created": moment(one["created_at"]),
            "expires": moment(one["revoked_at"] or one["expires_at"]),
            "used": moment(one["used_at"]) if one["used_at"] else "never",
        }
        for one in found
    ]
    output.table(
        columns(_COLUMNS), rows, empty="There is no key. Next: `remithub key create CLIENT`."
    )
    return 0


def _show_secret(output: "Output", made: dict[str, Any]) -> None:
    from gateway.cli.wording import moment

    if output.json:
        output.data(made)
        return
    facts = made["facts"]
    output.line(made["key"])
    output.say(
        f"Key {facts['key_id']} of {facts['client']}, good for {' '.join(facts['scopes'])}"
        f" until {moment(facts['expires_at'])}."
    )
    output.say("Next: hand it over by a safe way; it is not shown again.")
