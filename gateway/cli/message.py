"""`remithub message list|show|trace`: messages with their deliveries and attempts."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gateway.cli.output import Output
    from gateway.cli.remote import Remote

__all__ = ["list", "show", "trace"]

_LIST = {
    "message_id": "Message",
    "contract": "Contract",
    "interface": "Interface",
    "amount": "Dollars",
    "routed": "Owed to",
    "created": "Made",
}
MAX_TRACED = 200
"""Messages of one trace; a file of a thousand payments is not printed whole."""


def list(  # noqa: A001  the verb's name
    *,
    contract: str = "",
    correlation: str = "",
    artifact: str = "",
    before: str = "",
    limit: int = 50,
    root: Path = Path(),
    json: bool = False,
) -> int:
    """List messages, newest first.

    Parameters
    ----------
    contract
        Only messages of this contract.
    correlation
        Only messages that belong to one payment.
    artifact
        Only messages made from one artifact.
    before
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
    with hub_at(root) as hub:
        page = hub.get(
            "/v1/messages",
            contract=contract,
            correlation=correlation,
            artifact=artifact,
            before=before,
            limit=limit,
        )
    if json:
        output.data(page)
        return 0
    rows = [
        {**one, "amount": dollars(one["amount"]), "created": moment(one["created_at"])}
        for one in page["messages"]
    ]
    output.table(
        columns(_LIST, {"amount", "routed"}),
        rows,
        empty="No message. Next: hand over a file, or see `remithub dlq list`.",
    )
    if page["next"]:
        output.say(f"There are more: add --before {page['next']}")
    return 0


def show(message_id: str, *, full: bool = False, root: Path = Path(), json: bool = False) -> int:
    """Show one message with its deliveries and attempts; its data masked.

    Parameters
    ----------
    message_id
        The message.
    full
        Show the data unmasked, with what it holds of patients; that goes on the audit record.
    root
        The hub's folder.
    json
        Print JSON.
    """
    import msgspec

    from gateway.cli.output import Output
    from gateway.cli.remote import hub_at
    from gateway.cli.wording import dollars, moment

    output = Output(json=json)
    with hub_at(root) as hub:
        found = hub.get(f"/v1/messages/{message_id}", data="full" if full else "masked")
    if json:
        output.data(found)
        return 0
    facts = dict(found["message"])
    facts["amount"] = dollars(facts["amount"])
    facts["created_at"] = moment(facts["created_at"])
    output.record(facts)
    deliveries = found["deliveries"]
    for delivery in deliveries:
        _show_delivery(output, delivery)
    if not deliveries:
        output.say("It is owed to nobody: no route wants it.")
    output.line("")
    output.line(msgspec.json.format(msgspec.json.encode(found["event"]), indent=2).decode())
    return 0


def _show_delivery(output: "Output", delivery: dict[str, Any]) -> None:
    from gateway.cli.wording import moment

    output.line("")
    output.line(f"To {delivery['interface']}: {delivery['state']}  {delivery['delivery_id']}")
    for one in delivery["attempts"]:
        words = " ".join(w for w in (one["code"], one["detail"], one["external_id"]) if w)
        output.line(
            f"  {one['number']:>3}  {moment(one['at'])}  {one['outcome']:<10} {one['took_ms']:>6,} ms  {words}"
        )


def trace(message_id: str, *, root: Path = Path(), json: bool = False) -> int:
    """Follow one message: where it came from, and every message and delivery it led to.

    Parameters
    ----------
    message_id
        The message.
    root
        The hub's folder.
    json
        Print JSON: the messages in order, each with the depth it stands at.
    """
    from gateway.cli.output import Output
    from gateway.cli.remote import hub_at

    output = Output(json=json)
    with hub_at(root) as hub:
        first = _origin(hub, message_id)
        steps = [*_steps(hub, first, 0, set())]
        artifact = first["message"]["artifact_id"]
        came = hub.get(f"/v1/artifacts/{artifact}") if artifact else None
    if json:
        output.data({"artifact": came, "steps": steps})
        return 0
    if came is not None:
        output.line(
            f"artifact {came['artifact_id']} from {came['interface']}, {came['size']:,} bytes"
        )
    for step in steps:
        _show_step(output, step, message_id)
    return 0


def _origin(hub: "Remote", message_id: str) -> dict[str, Any]:
    """Go back from a message to the first one of its chain."""
    found: dict[str, Any] = hub.get(f"/v1/messages/{message_id}")
    for _ in range(MAX_TRACED):
        cause = found["message"]["cause_id"]
        if cause.startswith("dlv_"):
            cause = hub.get(f"/v1/deliveries/{cause}")["item_id"]
        if not cause.startswith("msg_"):
            break
        found = hub.get(f"/v1/messages/{cause}")
    return found


def _steps(
    hub: "Remote", found: dict[str, Any], depth: int, seen: set[str]
) -> Sequence[dict[str, Any]]:
    """Return a message and, below it, the replies of its deliveries and what routes made of it."""
    message = found["message"]
    if message["message_id"] in seen or len(seen) >= MAX_TRACED:
        return []
    seen.add(message["message_id"])
    steps = [{"depth": depth, "message": message, "deliveries": found["deliveries"]}]
    for name in _effects(hub, found):
        steps += _steps(hub, hub.get(f"/v1/messages/{name}"), depth + 1, seen)
    return steps


def _effects(hub: "Remote", found: dict[str, Any]) -> Sequence[str]:
    replies = [a["reply_id"] for d in found["deliveries"] for a in d["attempts"] if a["reply_id"]]
    own = found["message"]
    if not own["correlation"]:
        return replies
    family = hub.get("/v1/messages", correlation=own["correlation"], limit=1000)["messages"]
    made = [m["message_id"] for m in family if m["cause_id"] == own["message_id"]]
    return [*made, *replies]


def _show_step(output: "Output", step: dict[str, Any], marked: str) -> None:
    from gateway.cli.wording import dollars, moment

    message = step["message"]
    indent = "  " * (step["depth"] + 1)
    mark = "*" if message["message_id"] == marked else " "
    amount = dollars(message["amount"])
    output.line(
        f"{mark}{indent}{message['contract']} {message['message_id']} {amount} {moment(message['created_at'])}"
    )
    for one in step["deliveries"]:
        tries = len(one["attempts"])
        words = f"{one['state']} after {tries} {'try' if tries == 1 else 'tries'}"
        output.line(f"   {indent}to {one['interface']}: {words} {one['code']}".rstrip())
