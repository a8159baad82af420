"""Order per key: deliveries of one key go one after another; a failure holds its successors.

Successors wait in memory and keep the lane's cursor behind them, so a restart finds them again;
the lane's bound on what it holds in memory is what stops the cursor behind a long blockade. Of
what is set aside and holds its key, a bounded number is known here; beyond it the store is asked.
A key may be held by several: by one that waits, and by a dead one before it that is replayed.
"""

from collections import deque
from collections.abc import Iterable

from gateway.model.states import RetryState
from gateway.pipeline import LaneItem
from gateway.settings import OnDead
from gateway.store import Row

__all__ = ["MAX_KEYS", "KeyOrder"]

MAX_KEYS = 4096
"""Blocked keys known by heart; of a lane with more none is, and each is asked about."""


class KeyOrder:
    """Which ordering keys are busy or blocked, and who waits behind them. Items without a key
    are never held."""

    def __init__(self, on_dead: OnDead = OnDead.SKIP) -> None:
        self.on_dead = on_dead
        self._waiting: dict[str, deque[LaneItem]] = {}
        self._under_way: dict[str, set[int]] = {}
        """Keys of which a try is under way, first or later, with the items' numbers: whatever
        becomes of their retry rows meanwhile, the try's end decides."""
        self._blocked: dict[str, set[int]] | None = {}
        """Keys with something set aside that holds successors, by number; None: too many to
        know."""
        self._changed: dict[tuple[str, int], bool] = {}
        """What began or ceased to hold since the rows began to be read that `learn` gets."""
        self._retries: set[str] = set()
        """Keys of which a retry was due while another of the key was under way."""

    def blocks(self, state: RetryState | None) -> bool:
        """Return whether something in that state holds its successors."""
        if state is None:
            return False
        return state is not RetryState.DEAD or self.on_dead is OnDead.HOLD

    @property
    def passed(self) -> str:
        """Return the state that holds no successors, empty where every one does."""
        return "" if self.blocks(RetryState.DEAD) else RetryState.DEAD.value

    # -- what the store knows ------------------------------------------------------------------

    def begin_to_learn(self) -> None:
        """The rows for `learn` are about to be read."""
        self._changed.clear()

    def learn(self, rows: Iterable[Row]) -> None:
        """Know which keys are blocked: `rows` are those of the lane's retry table that hold a key,
        or the first `MAX_KEYS` + 1 of them."""
        listed = list(rows)
        if len(listed) > MAX_KEYS:
            self._blocked = None
            return
        self._blocked = {}
        for row in listed:
            if self.blocks(RetryState(row["state"])):
                self._blocked.setdefault(row["order_key"], set()).add(row["seq"])
        for (key, seq), blocked in list(self._changed.items()):
            self._note(key, seq, blocked=blocked)

    def must_ask(self, key: str) -> bool:
        """Return whether only the store can say if the key is blocked."""
        return bool(key) and self._blocked is None and key not in self._under_way

    def waiting(self) -> list[str]:
        """Return the keys that items wait for though none of the key is under way."""
        return [key for key in self._waiting if key not in self._under_way]

    def free(self, key: str) -> list[LaneItem]:
        """Nothing set aside holds the key any more: return who may go now."""
        if key in self._under_way or self._known(key):
            return []
        return self._next(key)

    # -- who may go ----------------------------------------------------------------------------

    def may_start(self, item: LaneItem, *, blocked: bool = False) -> bool:
        """Return whether the item may start; else it waits here. `blocked` is what the store said,
        where it had to be asked."""
        key = item.order_key
        if not key:
            return True
        if not (blocked or self._known(key) or key in self._under_way or key in self._waiting):
            return True
        self._waiting.setdefault(key, deque()).append(item)
        return False

    def may_retry(self, key: str, seq: int) -> bool:
        """Return whether what is due may be tried: not beside another of its key."""
        others = self._under_way.get(key, set()) - {seq}
        if others:
            self._retries.add(key)
        return not others

    def started(self, item: LaneItem) -> None:
        """Take note that a try of the item begins."""
        if item.order_key:
            self._under_way.setdefault(item.order_key, set()).add(item.seq)

    def settled(self, item: LaneItem, state: RetryState | None) -> list[LaneItem]:
        """Take note that an item was settled or set aside; return who may go now."""
        key = item.order_key
        others = self._under_way.pop(key, set()) - {item.seq}
        if others:
            self._under_way[key] = others
        if not key:
            return []
        if self.blocks(state) or item.retrying:
            self._note(key, item.seq, blocked=self.blocks(state))
        if others or self.blocks(state) or self._known(key):
            return []
        return self._next(key)

    def retry_waited(self, key: str) -> bool:
        """Return, once, whether a retry of the key was due while another was under way."""
        there = key in self._retries
        self._retries.discard(key)
        return there

    def _known(self, key: str) -> bool:
        return self._blocked is not None and key in self._blocked

    def _note(self, key: str, seq: int, *, blocked: bool) -> None:
        self._changed[key, seq] = blocked
        if self._blocked is None:
            return
        holders = self._blocked.setdefault(key, set())
        (holders.add if blocked else holders.discard)(seq)
        if not holders:
            del self._blocked[key]
        if len(self._blocked) > MAX_KEYS:
            self._blocked = None

    def _next(self, key: str) -> list[LaneItem]:
        waiting = self._waiting.pop(key, None)
        if not waiting:
            return []
        first = waiting.popleft()
        # The first goes through `may_start` again; the others queue behind it in their order.
        return [*reversed(waiting), first]
