"""Order per key: deliveries of one key go one after another; a failure holds its successors.

Successors wait in memory and keep the lane's cursor behind them, so a restart finds them again;
the lane's bound on what it holds in memory is what stops the cursor behind a long blockade.
"""

from collections import deque
from collections.abc import Iterable
from typing import Any

from gateway.model.states import RetryState
from gateway.pipeline import LaneItem
from gateway.settings import OnDead

__all__ = ["KeyOrder"]


class KeyOrder:
    """Which ordering keys are busy or blocked, and who waits behind them. Items without a key
    are never held."""

    def __init__(self, on_dead: OnDead = OnDead.SKIP) -> None:
        self._on_dead = on_dead
        self._busy: dict[str, deque[LaneItem]] = {}
        self._under_way: dict[str, set[int]] = {}
        """Keys of which a try is under way, first or later, with the items' numbers: whatever
        becomes of their retry rows meanwhile, the try's end decides."""

    def _blocks(self, state: RetryState | None) -> bool:
        if state is None:
            return False
        return state is not RetryState.DEAD or self._on_dead is OnDead.HOLD

    def block(self, rows: Iterable[dict[str, Any]]) -> None:
        """Block the keys of those retry rows."""
        for row in rows:
            if row["order_key"] and self._blocks(RetryState(row["state"])):
                self._busy.setdefault(row["order_key"], deque())

    def blocked(self) -> set[str]:
        """Return the keys that wait for a retry row."""
        return self._busy.keys() - self._under_way.keys()

    def reblock(self, rows: Iterable[dict[str, Any]], *, among: set[str]) -> list[LaneItem]:
        """Forget the keys, blocked before `rows` were read, that no retry row holds any more;
        return who may go now."""
        held = {
            row["order_key"]
            for row in rows
            if row["order_key"] and self._blocks(RetryState(row["state"]))
        }
        free = [key for key in self._busy if key in among & self.blocked() - held]
        return [item for key in free for item in self._next(key)]

    def may_start(self, item: LaneItem) -> bool:
        """Return whether the item may start; if so its key is busy, else it waits here."""
        if not item.order_key:
            return True
        waiting = self._busy.get(item.order_key)
        if waiting is None:
            self._busy[item.order_key] = deque()
            self.started(item)
            return True
        waiting.append(item)
        return False

    def started(self, item: LaneItem) -> None:
        """Take note that a try of the item begins."""
        if item.order_key:
            self._under_way.setdefault(item.order_key, set()).add(item.seq)

    def settled(self, item: LaneItem, state: RetryState | None) -> list[LaneItem]:
        """Take note that an item was settled or set aside; return who may go now."""
        others = self._under_way.pop(item.order_key, set()) - {item.seq}
        if others:
            self._under_way[item.order_key] = others
        if not item.order_key or others or self._blocks(state):
            return []
        return self._next(item.order_key)

    def _next(self, key: str) -> list[LaneItem]:
        waiting = self._busy.pop(key, None)
        if not waiting:
            return []
        first = waiting.popleft()
        if waiting:
            # The first goes through `may_start` again, which makes the key busy; the others
            # queue behind it in their order.
            return [*reversed(waiting), first]
        return [first]
