"""Rows 4, 24 and 29 to 31: what a sink says when the partner or the network does not behave."""

from collections.abc import Awaitable, Callable

from connectors.base import (
    Delivered,
    Failed,
    Failure,
    Found,
    Idempotency,
    Outcome,
    Pending,
    Unknown,
)
from connectors.conformance.bench import SinkBench
from connectors.conformance.partners import Fault
from connectors.conformance.rows import NotApplicable, Row, expect, row

__all__ = ["ROWS"]

DEADLINE_SECONDS = 2.0
GRACE_SECONDS = 1.0
"""How long after its deadline a call may still be under way (guides: no call outlives it)."""
HINT_SECONDS = 7.0


async def _under(bench: SinkBench, fault: Fault, *, seconds: float = 30.0) -> Outcome:
    """Deliver once with a fault, on time, and close."""
    if not bench.partner.possible(fault):
        raise NotApplicable(f"the partner cannot do {fault.value}")
    sink = bench.opened()
    call = bench.call(seconds=seconds)
    try:
        async with bench.partner.fault(fault):
            outcome = await bench.deliver(sink, call=call)
    finally:
        await sink.close()
    late = bench.clock.monotonic() - call.deadline
    expect(late <= GRACE_SECONDS, f"the call outlived its deadline by {late:.1f} s")
    return outcome


def _unknown_then_one(fault: Fault, *, seconds: float = 30.0) -> Callable[..., Awaitable[None]]:
    """The effect is there and the sink cannot know it: it must say so, and find it again."""

    async def check(bench: SinkBench) -> None:
        outcome = await _under(bench, fault, seconds=seconds)
        told = isinstance(outcome, Unknown) or _sure(outcome)
        expect(told, f"{_name(outcome)} where the effect may be there: only Unknown is true")
        made = await bench.effects()
        expect(len(made) <= 1, f"{len(made)} effects of one attempt")
        sink = bench.opened()
        try:
            if sink.idempotency is not Idempotency.NONE:
                again = await bench.again(sink)
                expect(isinstance(again, Delivered | Found), f"{_name(again)} on the next try")
                count = len(await bench.effects())
                expect(count == 1, f"{count} effects after the next try")
        finally:
            await sink.close()

    return check


def _sure(outcome: Outcome) -> bool:
    """A sink may have found out by itself that the effect is there."""
    return isinstance(outcome, Delivered) and bool(outcome.external_id)


async def _not_reached(bench: SinkBench) -> None:
    outcome = await _under(bench, Fault.NOT_REACHED)
    _is(outcome, Failure.DESTINATION)
    expect(not await bench.effects(), "nothing can have left, and an effect is there")


async def _throttled(bench: SinkBench) -> None:
    outcome = await _under(bench, Fault.THROTTLED)
    _is(outcome, Failure.THROTTLED)
    wait = getattr(outcome, "retry_after_seconds", None)
    expect(wait == HINT_SECONDS, f"told to wait {HINT_SECONDS:.0f} s, it says {wait}")


async def _throttled_silent(bench: SinkBench) -> None:
    _is(await _under(bench, Fault.THROTTLED_SILENT), Failure.THROTTLED)


async def _credential_old(bench: SinkBench) -> None:
    outcome = await _under(bench, Fault.CREDENTIAL_OLD)
    expect(isinstance(outcome, Delivered | Pending), f"{_name(outcome)} after one 401")
    expect(len(await bench.effects()) == 1, "not exactly one effect after a renewed credential")


async def _credential_wrong(bench: SinkBench) -> None:
    _is(await _under(bench, Fault.CREDENTIAL_WRONG), Failure.CREDENTIAL)
    expect(not await bench.effects(), "refused at the door, and an effect is there")


async def _unforeseen(bench: SinkBench) -> None:
    outcome = await _under(bench, Fault.UNFORESEEN)
    expect(isinstance(outcome, Failed | Unknown), f"{_name(outcome)} for an answer like no other")
    expect(outcome.code, "a failure without a code")  # type: ignore[union-attr]  # just told apart


async def _too_late(bench: SinkBench) -> None:
    sink = bench.opened()
    outcome = await bench.deliver(sink, call=bench.call(seconds=-1.0))
    await sink.close()
    _is(outcome, Failure.DESTINATION)
    expect(not await bench.effects(), "an effect after the deadline")


def _is(outcome: Outcome, failure: Failure) -> None:
    right = isinstance(outcome, Failed) and outcome.failure is failure
    expect(right, f"{_name(outcome)} where {failure.value} is true")


def _name(outcome: object) -> str:
    failure = getattr(outcome, "failure", None)
    return type(outcome).__name__ + (f"({failure.value})" if failure else "")


ROWS: tuple[Row, ...] = (
    row("4", "an answer like no other is a failure with a code")(_unforeseen),
    row("24", "a lost reply is unknown, the next try finds one effect")(
        _unknown_then_one(Fault.REPLY_LOST)
    ),
    row("24a", "what has not left has not been done")(_not_reached),
    row("29", "429 with Retry-After is obeyed")(_throttled),
    row("29a", "429 without a hint is throttled")(_throttled_silent),
    row("30", "a 401 renews the credential once")(_credential_old),
    row("30a", "a 401 that stays is the credential's")(_credential_wrong),
    row("31", "a gateway's page of HTML is unknown")(_unknown_then_one(Fault.REPLY_HTML)),
    row("31a", "truncated JSON is unknown")(_unknown_then_one(Fault.REPLY_TRUNCATED)),
    row("31b", "a success of the wrong type is unknown")(
        _unknown_then_one(Fault.REPLY_WRONG_TYPE)
    ),
    row("31c", "a reply that drips ends with the deadline")(
        _unknown_then_one(Fault.REPLY_DRIPS, seconds=DEADLINE_SECONDS)
    ),
    row("31d", "after the deadline nothing is sent")(_too_late),
)
