"""Validate: a message leaves this step only if it satisfies its contract."""

from gateway.errors import Reject
from gateway.pipeline.facts import NewMessage

__all__ = ["ContractBroken", "validate"]


class ContractBroken(Reject):
    """A document does not satisfy its contract; `places` are pointer + keyword, never a value."""

    code = "contract_invalid"

    def __init__(self, contract: str, places: list[str]) -> None:
        shown = "; ".join(places[:3]) + ("; ..." if len(places) > 3 else "")
        super().__init__(
            f"The document does not satisfy {contract}: {shown}.",
            next_step="correct the mapping or ask the sender, then replay.",
        )
        self.places = places


def validate(message: NewMessage) -> None:
    """Pass, or raise ContractBroken; Reject (`text_with_nul`) for what no database can find by."""
    validator = message.contract.validator
    if validator.valid(message.data):
        if "\0" in str(message.fact(message.contract.correlation) or ""):
            raise Reject(
                f"What a {message.contract.name} is found by holds a NUL character.",
                code="text_with_nul",
                next_step="ask the sender to remove it, then replay.",
            )
        return
    places = [f"{v.pointer or '/'} ({v.keyword})" for v in validator.errors(message.data)]
    raise ContractBroken(f"{message.contract.name} {message.contract.version}", places)
