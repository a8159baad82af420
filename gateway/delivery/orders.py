"""A person's orders over what is set aside: replay, release, park, discard; one or a hundred thousand.

An order goes in batches, each one unit with its audit entries and with how far the order has come:
repeated by its id it goes on from there, or only says again what it did. Where several nodes are
given it at once, each batch is carried out by the one that finds the order as it last saw it. It
can be cancelled between two batches. The lanes' owners do the rest by the road everything takes.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Iterable

import msgspec

from gateway.delivery.changes import Changes
from gateway.delivery.set_aside import (
    Action,
    Aside,
    Report,
    Selection,
    Shelf,
    allows,
    must_make_sense,
)
from gateway.errors import Conflict, HubError, NotFound, StorageFault
from gateway.model.ids import text_id
from gateway.pipeline import Lanes, milliseconds
from gateway.ports import Ports
from gateway.store import AuditEntry, Statement, Store, Unit, UnitConflict

__all__ = ["BATCH", "Operator"]

BATCH = 500
"""Things changed by one unit at most."""

SHOWN = 100
SCOPE = "order"
MARK = "idempotency_move"
KEPT_MS = 400 * 24 * 3600 * 1000
RUNNING, ENDED = 1, 2


class _Moved(Exception):
    """Another node carries the order out as well, and has come further."""


class _Order(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An order and how far it has come; what is kept of it in the store."""

    order_id: str
    action: Action
    count: int = 0
    amount_cents: int = 0
    ids: list[str] = []
    after: str = ""
    """The last thing it looked at."""
    cancelled: bool = False
    kept: str = ""
    """How the store has it, as far as is known here; not kept itself."""

    def text(self) -> str:
        """Return what is kept of it."""
        return msgspec.json.encode(msgspec.structs.replace(self, kept="")).decode()

    def report(self) -> Report:
        return Report(
            action=self.action,
            dry_run=False,
            count=self.count,
            amount_cents=self.amount_cents,
            ids=tuple(self.ids),
            order_id=self.order_id,
            cancelled=self.cancelled,
        )

    def add(self, asides: Iterable[Aside]) -> None:
        for aside in asides:
            self.count += 1
            self.amount_cents += aside.amount_cents or 0
            if len(self.ids) < SHOWN:
                self.ids.append(aside.id)


class Operator(Shelf):
    """What the API and the command line call. `changed` tells a lane's owner to look again."""

    def __init__(
        self, store: Store, lanes: Lanes, ports: Ports, changed: Callable[[str], None]
    ) -> None:
        super().__init__(store)
        self._lanes = lanes
        self._ports = ports
        self._changed = changed
        self._changes = Changes(store, lanes, ports.clock)
        self._running: dict[str, tuple[_Order, asyncio.Future[None]]] = {}

    async def act(
        self,
        action: Action,
        selection: Selection,
        *,
        actor: str,
        reason: str = "",
        dry_run: bool = False,
        order_id: str = "",
    ) -> Report:
        """Do it to everything selected. The same `order_id` again waits for the first to end, or
        goes on where a crash has cut it off, and never does anything twice.

        Raises UsageFault (nothing selected, no reason for a discard), NotFound, Conflict (an id
        whose state does not allow it; an order id that was another order's).
        """
        must_make_sense(action, selection, reason=reason or ("dry run" if dry_run else ""))
        if dry_run:
            return await self._rehearse(action, selection)
        if order_id in self._running:
            order, done = self._running[order_id]
            await asyncio.shield(asyncio.gather(done, return_exceptions=True))
            return order.report()
        if len(selection.ids) == 1 and not order_id:
            return await self._one_only(action, selection, actor, reason)
        order_id = order_id or self._ports.ids.new("ord")
        done = asyncio.get_running_loop().create_future()
        order = _Order(order_id=order_id, action=action)
        self._running[order_id] = (order, done)
        try:
            if await self._begin(order, selection, actor, reason):
                await self._carry_out(order, selection, actor, reason)
        finally:
            del self._running[order_id]
            done.set_result(None)
        return order.report()

    async def _one_only(
        self, action: Action, selection: Selection, actor: str, reason: str
    ) -> Report:
        order = _Order(order_id="", action=action)
        async for aside in self.select(selection):
            _allowed(action, aside, selection)
            await self._write(order, [aside], "", actor, reason)
        return order.report()

    def progress(self, order_id: str) -> Report:
        """Return how far an order that runs here has come. Raises NotFound."""
        return self._order(order_id).report()

    def cancel(self, order_id: str) -> None:
        """Stop an order that runs here behind its present batch. Raises NotFound."""
        self._order(order_id).cancelled = True

    def _order(self, order_id: str) -> _Order:
        if order_id not in self._running:
            raise NotFound("No such order runs here.")
        return self._running[order_id][0]

    async def _rehearse(self, action: Action, selection: Selection) -> Report:
        found = _Order(order_id="", action=action)
        async for aside in self.select(selection):
            if _allowed(action, aside, selection):
                found.add([aside])
        return msgspec.structs.replace(found.report(), dry_run=True)

    async def _begin(self, order: _Order, selection: Selection, actor: str, reason: str) -> bool:
        """Put the order on record, or learn how far it had come; False where it had ended."""
        key = {"scope": SCOPE, "idem_key": order.order_id}
        wanted = text_id("ord", order.action, msgspec.json.encode(selection.ordered).hex())
        now = milliseconds(self._ports.clock.now())
        order.kept = order.text()
        row = {
            **key,
            "fingerprint": wanted,
            "reference": order.kept,
            "status": RUNNING,
            "at": now,
            "expires_at": now + KEPT_MS,
        }
        insert = Statement("idempotency_insert", row, expect=1)
        audit = AuditEntry(actor, f"order.{order.action}", order.order_id, reason)
        try:
            await self._store.commit(Unit(statements=(insert,), audit=(audit,)))
        except UnitConflict:
            (kept,) = await self._store.fetch("idempotency_get", **key)
            if kept["fingerprint"] != wanted:
                raise Conflict("That order id was another order's.") from None
            return await self._recall(order)
        return True

    async def _recall(self, order: _Order) -> bool:
        """Learn how far the order has come, whoever carried it out; False where it has ended."""
        key = {"scope": SCOPE, "idem_key": order.order_id}
        (row,) = await self._store.fetch("idempotency_get", **key)
        order.kept = row["reference"]
        known = msgspec.json.decode(order.kept, type=_Order)
        for field in ("count", "amount_cents", "ids", "after"):
            setattr(order, field, getattr(known, field))
        order.cancelled = order.cancelled or known.cancelled
        return bool(row["status"] == RUNNING)

    async def _carry_out(
        self, order: _Order, selection: Selection, actor: str, reason: str
    ) -> None:
        """Carry the order out from where it stands, be it together with other nodes: each step
        is written where the record is as it was known here, so that nothing is looked at twice."""
        running = True
        while running:
            try:
                await self._go_on(order, selection, actor, reason)
            except _Moved:
                running = await self._recall(order)
            else:
                return

    async def _go_on(self, order: _Order, selection: Selection, actor: str, reason: str) -> None:
        batches = self._batches(order.action, selection, after=order.after)
        async with contextlib.aclosing(batches):
            async for batch, last in batches:
                if order.cancelled:
                    break
                await self._write(order, batch, last, actor, reason)
        try:
            await self._store.commit(Unit(statements=(self._mark(order, ENDED),)))
        except UnitConflict:
            raise _Moved from None

    async def _batches(
        self, action: Action, selection: Selection, *, after: str
    ) -> AsyncGenerator[tuple[list[Aside], str], None]:
        """Give what is to be changed in batches, each with the id of the last thing looked at.
        What was found before something went wrong is given first."""
        batch: list[Aside] = []
        last, seen = after, 0
        try:
            async for aside in self.select(selection, after=after):
                if _allowed(action, aside, selection):
                    batch.append(aside)
                last, seen = aside.id, seen + 1
                if seen % BATCH == 0:
                    yield batch, last
                    batch = []
        except HubError:
            if batch:
                yield batch, last
            raise
        if batch:
            yield batch, last

    async def _write(
        self, order: _Order, batch: list[Aside], last: str, actor: str, reason: str
    ) -> None:
        """Change a batch in one unit; where some of it has moved meanwhile, the rest in smaller
        ones."""
        if not batch:
            return
        after = msgspec.structs.replace(order, after=last, ids=[*order.ids])
        after.add(batch)
        unit = await self._unit(after, batch, actor, reason)
        self._ports.fail_point("set_aside.before_commit")
        try:
            await self._store.commit(unit)
        except UnitConflict as conflict:
            if conflict.statement == MARK:
                raise _Moved from None
            if half := len(batch) // 2:
                await self._write(order, batch[:half], batch[half - 1].id, actor, reason)
                await self._write(order, batch[half:], last, actor, reason)
            return
        except StorageFault:
            self._tell(batch)  # it may have been written
            raise
        self._ports.fail_point("set_aside.after_commit")
        order.add(batch)
        order.after, order.kept = last, after.text()
        self._tell(batch)

    async def _unit(self, after: _Order, batch: list[Aside], actor: str, reason: str) -> Unit:
        """Return the unit that changes a batch, `after` which the order stands so."""
        statements = [self._mark(after, RUNNING)] if after.order_id else []
        audit: list[AuditEntry] = []
        for aside in batch:
            writes, entry = await self._changes.of(after.action, aside, actor, reason)
            statements += writes
            audit.append(entry)
        if self._store.shared:  # with the change: an owner that is not told would not look again
            lanes = sorted({aside.lane_id for aside in batch})
            statements += [Statement("lane_ask", {"lane_id": lane}) for lane in lanes]
        counts = tuple(c for aside in batch for c in self._changes.counts(after.action, aside))
        return Unit(statements=tuple(statements), audit=tuple(audit), counts=counts)

    def _tell(self, batch: list[Aside]) -> None:
        """Have this node's owners of those lanes look again; the others hear of it by the store."""
        for lane in sorted({aside.lane for aside in batch}):
            self._changed(lane)

    def _mark(self, order: _Order, status: int) -> Statement:
        """Return the statement that moves the order on; it fails where another node has."""
        was = {"was": order.kept, "was_status": RUNNING}
        key = {"scope": SCOPE, "idem_key": order.order_id}
        row = {**key, **was, "reference": order.text(), "status": status}
        return Statement(MARK, row, expect=1)


def _allowed(action: Action, aside: Aside, selection: Selection) -> bool:
    if allows(action, aside):
        return True
    if selection.ids:
        raise Conflict(f"{aside.id} is {aside.state}: it cannot be {action}ed.")
    return False
