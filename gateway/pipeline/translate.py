"""Translate: one part of foreign bytes -> a document in a contract's shape, or the reason why not."""

from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.errors import Reject
from gateway.formats import Origin, Part
from gateway.model.finding import Severity
from gateway.model.ids import message_id
from gateway.model.money import cents_of
from gateway.model.states import PartState
from gateway.pipeline.bundle import Bundle, Source
from gateway.pipeline.facts import Artifact, NewMessage, Prepared
from gateway.pipeline.route import route
from gateway.pipeline.validate import QualityBroken, examine, validate

__all__ = ["UNSUPPORTED", "origin_of", "prepare"]

UNSUPPORTED = "transaction_set_not_supported"
"""The reader's word for a business document that is not this interface's business."""


def origin_of(artifact: Artifact, source: Source, tenant: str) -> Origin:
    """Return what the reader writes into a document about where it came from."""
    return Origin(
        tenant_id=tenant,
        interface=artifact.interface,
        artifact_id=artifact.artifact_id,
        sha256=artifact.sha256,
        production=source.settings.production,
    )


def prepare(
    part: Part,
    artifact: Artifact,
    source: Source,
    bundle: Bundle,
    *,
    context: Mapping[str, Any],
    taken_as: str,
    released: bool = False,
) -> Prepared:
    """Judge one part: accepted with its messages, held, dead or ignored. Never raises for
    anything that stands in the part. What was `taken_as` an earlier major of the contract becomes
    what the interface takes now; `released` lets suspect findings pass."""
    verdict = _nothing_yet(part)
    suspects = [f.code for f in part.findings if f.severity is Severity.SUSPECT]
    if part.document is None:
        return _unreadable(verdict, part.error, suspects)
    if not released and suspects:
        return msgspec.structs.replace(verdict, state=PartState.HELD, code=suspects[0])
    try:
        message = _message(part, artifact, source, context, taken_as)
        quality = examine(message, source.outcomes)
        messages = route(message, bundle, context)
    except Reject as refusal:
        broken = refusal.findings if isinstance(refusal, QualityBroken) else ()
        return msgspec.structs.replace(
            verdict, code=refusal.code, detail=refusal.message, quality=broken
        )
    key = part.payment_key or str(messages[0].fact(source.contract.identity) or "")
    return msgspec.structs.replace(
        verdict,
        state=PartState.ACCEPTED,
        messages=messages,
        payment_key=key,
        amount_cents=_amount(part, messages[0]),
        quality=quality,
    )


def _nothing_yet(part: Part) -> Prepared:
    return Prepared(
        state=PartState.DEAD,
        offset=part.offset,
        length=part.length,
        ordinal=part.ordinal,
        findings=part.findings,
        payment_key=part.payment_key,
        amount_cents=part.amount_cents,
        claims_paid_cents=part.claims_paid_cents,
        adjustments_cents=part.provider_adjustments_cents,
    )


def _amount(part: Part, message: NewMessage) -> int | None:
    """What the format says a part weighs; where it says nothing, what its message does."""
    if part.amount_cents is not None:
        return part.amount_cents
    amount = message.fact(message.contract.amount)
    return None if amount is None else cents_of(amount)


def _message(
    part: Part,
    artifact: Artifact,
    source: Source,
    context: Mapping[str, Any],
    taken_as: str,
) -> NewMessage:
    assert part.document is not None  # noqa: S101 - the caller looked
    if source.mapping is not None:
        data = source.mapping.run(part.document, context)
    else:
        data = source.contract.read(part.document, taken_as)
    contract, revision = source.contract, context["revision"]
    message = NewMessage(
        message_id=message_id(artifact.artifact_id, part.offset, contract.name, revision),
        contract=contract,
        data=data,
        cause_id=artifact.artifact_id,
        interface=artifact.interface,
        revision=revision,
        artifact_id=artifact.artifact_id,
        part_offset=part.offset,
    )
    validate(message)
    return message


def _unreadable(verdict: Prepared, error: str, suspects: list[str]) -> Prepared:
    if error == UNSUPPORTED:
        return msgspec.structs.replace(verdict, state=PartState.IGNORED, code=error)
    state = PartState.HELD if suspects and error == "transaction_set_too_large" else PartState.DEAD
    return msgspec.structs.replace(verdict, state=state, code=error)
