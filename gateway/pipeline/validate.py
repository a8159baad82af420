"""Validate: a message leaves this step only if it satisfies its contract."""

from collections.abc import Mapping

from gateway.errors import Reject
from gateway.governance.quality import Outcome, QualityFinding
from gateway.pipeline.facts import NewMessage

__all__ = ["ContractBroken", "QualityBroken", "examine", "validate"]


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


class QualityBroken(Reject):
    """A document satisfies its contract, but not what must hold between the fields; `findings` are
    rules with places, never a value."""

    code = "quality_rejected"

    def __init__(self, contract: str, findings: tuple[QualityFinding, ...]) -> None:
        refused = [one for one in findings if one.outcome is Outcome.REJECT]
        shown = "; ".join(f"{one.pointer or '/'} ({one.rule})" for one in refused[:3])
        super().__init__(
            f"The document breaks quality rules of {contract}: {shown}.",
            next_step="ask the sender, or say another outcome in config/quality.yaml; then replay.",
        )
        self.findings = findings


def examine(message: NewMessage, outcomes: Mapping[str, Outcome]) -> tuple[QualityFinding, ...]:
    """Return where a valid message breaks the quality rules of its contract. `outcomes` is what
    its partner's interface says follows. Raises QualityBroken where it is refused for that."""
    contract = message.contract
    findings = contract.quality.judge(message.data, outcomes)
    if any(one.outcome is Outcome.REJECT for one in findings):
        raise QualityBroken(f"{contract.name} {contract.version}", findings)
    return findings


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
