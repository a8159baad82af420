"""Planted bugs of attempts: what is sent, when, how often, and what is claimed of it."""

import asyncio
from typing import Any

from msgspec.structs import replace

from connectors.base import Delivered, Idempotency, Unknown
from gateway.delivery.breaker import Breaker
from gateway.delivery.order import KeyOrder
from gateway.delivery.schedule import _Waits
from gateway.delivery.window import Window
from gateway.model.states import RetryState
from gateway.pipeline import deliver, dispatch, units
from gateway.pipeline.dispatch import Dispatching
from gateway.pipeline.flow import Flow
from tests.proofs.planted.planting import Plant, bug


@bug
def marked_sent_before_sending(patch: Plant) -> None:
    sending: set[Any] = set()
    original = dispatch.deliver

    async def instead(*given: Any, **more: Any) -> Any:
        task = asyncio.get_running_loop().create_task(original(*given, **more))
        sending.add(task)
        return Delivered()

    patch.setattr(dispatch, "deliver", instead)


@bug
def a_new_key_for_every_try(patch: Plant) -> None:
    original = dispatch.Call

    def call(**given: Any) -> Any:
        return original(**given | {"key": f"{given['key']}-{given['attempt']}"})

    patch.setattr(dispatch, "Call", call)


@bug
def unknown_is_taken_for_done(patch: Plant) -> None:
    original = dispatch.deliver

    async def instead(*given: Any, **more: Any) -> Any:
        ending = await original(*given, **more)
        return Delivered() if isinstance(ending, Unknown) else ending

    patch.setattr(dispatch, "deliver", instead)


@bug
def unknown_is_tried_again_at_a_blind_partner(patch: Plant) -> None:
    original = Flow.__init__

    def init(self: Flow, **given: Any) -> None:
        decide = given["decide"]

        def blindly(ending: Any, item: Any, sink: Any, _mode: Any, now: Any) -> Any:
            return decide(ending, item, sink, Idempotency.KEY, now)

        original(self, **given | {"decide": blindly})

    patch.setattr(Flow, "__init__", init)
    patch.setattr(deliver, "_ask", _asks_nobody)


async def _asks_nobody(*_given: Any) -> None:
    return None


@bug
def nobody_is_asked_before_a_resend(patch: Plant) -> None:
    patch.setattr(deliver, "_ask", _asks_nobody)


@bug
def no_limit_of_tries(patch: Plant) -> None:
    original = _Waits.after
    patch.setattr(_Waits, "after", lambda self, tries: original(self, min(tries, 2)))


@bug
def dead_letters_are_deleted(patch: Plant) -> None:
    original = units.Units.settled

    def settled(self: Any, item: Any, number: int, plan: Any, *rest: Any, **more: Any) -> Any:
        unit = original(self, item, number, plan, *rest, **more)
        if plan.state is not RetryState.DEAD:
            return unit
        return replace(unit, statements=tuple(s for s in unit.statements if s.name != "retry_put"))

    patch.setattr(units.Units, "settled", settled)


@bug
def the_cursor_passes_what_is_not_settled(patch: Plant) -> None:
    patch.setattr(Window, "settled_to", property(lambda self: self.read_to))


@bug
def the_order_key_is_ignored(patch: Plant) -> None:
    patch.setattr(KeyOrder, "may_start", lambda _self, _item, **_more: True)


@bug
def that_a_try_begins_is_not_written(patch: Plant) -> None:
    async def start(_self: Any, _item: Any, _number: int) -> bool:
        return True

    patch.setattr(Dispatching, "_start", start)


@bug
def the_breaker_never_closes(patch: Plant) -> None:
    patch.setattr(Breaker, "succeeded", lambda _self: None)


@bug
def places_are_not_given_back(patch: Plant) -> None:
    """An attempt that is cut off keeps its place at the destination."""
    from gateway.delivery.runner import LaneRunner

    original = LaneRunner._landed

    def landed(self: Any, *landing: Any) -> None:
        if not self.lost:
            original(self, *landing)

    patch.setattr(LaneRunner, "_landed", landed)
