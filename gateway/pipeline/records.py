"""Turns decisions into rows: the statements, bodies and counts of a unit. Decides nothing."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from gateway.governance.quality import Outcome
from gateway.model.finding import Finding, Severity
from gateway.model.ids import delivery_id, process_id, text_id
from gateway.model.money import cents_of
from gateway.model.states import PartState
from gateway.pipeline.bundle import process_lane
from gateway.pipeline.facts import Artifact, NewMessage, Prepared
from gateway.pipeline.lanes import Lanes
from gateway.pipeline.surroundings import Sealer
from gateway.store import Body, Statement

__all__ = ["Records", "milliseconds"]

_NOTHING_YET: dict[str, Any] = {"failure": "", "detail": "", "fingerprint": "", "order_key": ""}


def milliseconds(moment: datetime) -> int:
    """Return milliseconds since the epoch, as the store keeps times."""
    return int(moment.timestamp() * 1000)


class Records:
    """Builds rows. An ordering key, which may be PHI, becomes a keyed hash."""

    def __init__(self, lanes: Lanes, sealer: Sealer) -> None:
        self._lanes = lanes
        self._sealer = sealer

    def artifact(self, artifact: Artifact) -> list[Statement]:
        """Return the statements that take custody of an artifact and owe it to `process`."""
        name = artifact.artifact_id
        row = msgspec.structs.asdict(artifact)
        meta = msgspec.json.encode(artifact.meta)
        row["meta"] = self._sealer.seal_small(f"artifact.meta.{name}", meta)
        lane = process_lane(artifact.interface)
        owe = self.owe(lane, name, process_id(lane, name), "", artifact.received_at)
        return [Statement("artifact_insert", row), owe]

    @staticmethod
    def source_seen(artifact: Artifact, fingerprint: str) -> Statement:
        """Return the statement that remembers a source's word for "the same offer"."""
        row = {
            "interface": artifact.interface,
            "fingerprint": fingerprint,
            "artifact_id": artifact.artifact_id,
            "at": artifact.received_at,
        }
        return Statement("source_seen_insert", row)

    def owe(self, lane: str, item: str, delivery: str, order_key: str, at: int) -> Statement:
        """Return the statement that appends one item to a lane."""
        hashed = self._sealer.blind_index("order_key", order_key) if order_key else ""
        return Statement(
            "owe",
            {
                "lane_id": self._lanes[lane].lane_id,
                "item_id": item,
                "delivery_id": delivery,
                "order_key": hashed,
                "at": at,
            },
        )

    def messages(
        self, messages: Iterable[NewMessage], *, bundle: str, at: int, trace: str
    ) -> tuple[list[Statement], list[Body]]:
        """Return what stores those messages and owes them to their lanes."""
        statements: list[Statement] = []
        bodies: list[Body] = []
        for message in messages:
            amount = message.fact(message.contract.amount)
            row = {
                "message_id": message.message_id,
                "contract": message.contract.name,
                "version": message.contract.version,
                "revision": message.revision,
                "artifact_id": message.artifact_id,
                "part_offset": message.part_offset,
                "cause_id": message.cause_id,
                "interface": message.interface,
                "correlation": message.correlation,
                "amount_cents": None if amount is None else cents_of(amount),
                "created_at": at,
                "routed": len(message.owed),
                "bundle": bundle,
                "trace": trace,
            }
            statements.append(Statement("message_insert", row))
            bodies.append(Body(body_id=message.message_id, data=msgspec.json.encode(message.data)))
            statements += [
                self.owe(lane, message.message_id, delivery_id(lane, message.message_id), key, at)
                for lane, key in message.owed
            ]
        return statements, bodies

    def part(
        self, prepared: Prepared, artifact: Artifact, *, revision: int, at: int, replace: bool
    ) -> Statement:
        """Return the statement that records the verdict on one part."""
        first = prepared.messages[0] if prepared.messages else None
        row = {
            "artifact_id": artifact.artifact_id,
            "revision": revision,
            "part_offset": prepared.offset,
            "length": prepared.length,
            "ordinal": prepared.ordinal,
            "state": prepared.state.value,
            "contract": first.contract.name if first else "",
            "message_id": first.message_id if first else None,
            "payment_key": prepared.payment_key,
            "amount_cents": prepared.amount_cents,
            "claims_paid_cents": prepared.claims_paid_cents,
            "adjustments_cents": prepared.adjustments_cents,
            "code": prepared.code,
            "findings": msgspec.json.encode(_noticed(prepared)).decode(),
            "at": at,
        }
        return Statement("part_replace" if replace else "part_insert", row)

    @staticmethod
    def payment_seen(prepared: Prepared, artifact: Artifact, at: int, *, must: bool) -> Statement:
        """Return the statement that claims a payment key; it affects no row when another part
        has it, and then, where it `must`, the unit fails."""
        row = {
            "payment_key": prepared.payment_key,
            "artifact_id": artifact.artifact_id,
            "part_offset": prepared.offset,
            "message_id": prepared.messages[0].message_id,
            "at": at,
        }
        return Statement("payment_seen_insert", row, expect=1 if must else None)

    def set_aside(self, prepared: Prepared, lane: str, seq: int, at: int) -> Statement:
        """Return the statement that keeps a held or dead part for a person."""
        interface = self._lanes[lane].interface
        row = {
            "lane_id": self._lanes[lane].lane_id,
            "seq": seq,
            "part_offset": prepared.offset,
            "state": prepared.state.value,
            "due_at": at,
            "attempts": 1,
            "generation": 0,
            **_NOTHING_YET,
            "failure": "message",
            "code": prepared.code,
            "detail": prepared.detail,
            "fingerprint": text_id("err", interface, prepared.state, prepared.code),
            "since": at,
            "amount_cents": prepared.amount_cents,
            "correlation": prepared.payment_key,
        }
        return Statement("retry_put", row)

    @staticmethod
    def counts(interface: str, prepared: Prepared) -> list[tuple[str, str, int]]:
        """Return what one part adds to its interface's counters; money in cents."""
        found = [(interface, f"parts_{prepared.state.value}", 1)]
        if prepared.amount_cents is not None and prepared.state is not PartState.IGNORED:
            found.append((interface, f"cents_{prepared.state.value}", prepared.amount_cents))
        found += [(interface, f"quality_{one.outcome.value}", 1) for one in prepared.quality]
        return found


def _noticed(prepared: Prepared) -> tuple[Finding, ...]:
    """Return what a person is shown of a part: what its reader noticed, and the quality rules it
    breaks, but those that are only counted."""
    broken = (
        Finding(
            code=f"quality.{one.rule}",
            severity=Severity.WARNING,
            offset=prepared.offset,
            pointer=one.pointer,
        )
        for one in prepared.quality
        if one.outcome is not Outcome.PASS
    )
    return (*prepared.findings, *broken)
