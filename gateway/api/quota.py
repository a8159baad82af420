"""How much a client may still use of a product: windows of requests and bytes, requests at a time.

A window's quota is shared by all processes on one store: each leases slices of it, smaller ones
the less there is left, and answers from its slice without a write. Together they never give out
more than the quota; what a process has leased and does not use is lost at the window's end.
"""

import asyncio
import logging
from collections.abc import Callable

from gateway.api.wire import BYTES, Limit, Policy, format_limits, format_policies
from gateway.errors import HubError, TryAgain
from gateway.pipeline import milliseconds
from gateway.ports import Clock
from gateway.settings import ProductSettings, WindowSettings
from gateway.store import Statement, Store, Unit

__all__ = ["Admission", "QuotaExceeded", "Quotas"]

log = logging.getLogger("remithub.api")

SLICES = 20
"""A lease takes this part of a window's quota, as long as there is so much."""

PARALLEL = "concurrent-requests"
BUSY_SECONDS = 1
"""When to come again where too many requests are under way."""


class QuotaExceeded(TryAgain):
    """A client has used what its product allows. HTTP 429; `violated` are names of policies."""

    code = "quota_exceeded"

    def __init__(self, violated: tuple[str, ...], *, retry_after_seconds: int) -> None:
        super().__init__(
            f"The quota {', '.join(violated)} is used up.",
            next_step=f"wait {retry_after_seconds} s; the headers RateLimit-Policy and RateLimit"
            " say how much there is.",
            retry_after_seconds=retry_after_seconds,
        )
        self.violated = violated


class _Window:
    """One policy of one client, as far as this process knows it."""

    def __init__(self, client: str, policy: Policy) -> None:
        self.client = client
        self.policy = policy
        self.start = -1
        self.left = 0
        self.elsewhere = policy.quota
        """What the store had left after the last lease."""
        self.leasing = asyncio.Lock()

    def at(self, now: int) -> None:
        """Begin a new window where the old one is over."""
        length = self.policy.window_seconds * 1000
        start = now - now % length
        if start != self.start:
            self.start, self.left, self.elsewhere = start, 0, self.policy.quota

    def limit(self, now: int) -> Limit:
        """Return what is left, and in how many whole seconds there is more."""
        self.at(now)
        ends = self.start + self.policy.window_seconds * 1000
        return Limit(
            name=self.policy.name,
            remaining=max(0, self.left + self.elsewhere),
            reset_seconds=-((now - ends) // 1000),
        )


class Admission:
    """A request that was let in; ends with `leave`."""

    def __init__(self, book: "_Book", quotas: "Quotas", announced: int) -> None:
        self._book = book
        self._quotas = quotas
        self._announced = announced

    def leave(self, received: int) -> None:
        """Let the next one in; a body that was longer than announced is paid for now."""
        self._book.under_way -= 1
        if self._book.bytes is not None and received > self._announced:
            self._book.bytes.left -= received - self._announced

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Return RateLimit and RateLimit-Policy as they are now."""
        return self._quotas.headers(self._book)


class _Book:
    """What is counted of one client at one product."""

    def __init__(self, client: str, product: ProductSettings) -> None:
        self.product = product
        self.client = client
        self.under_way = 0
        self.share = 0
        """How many may be under way here at a time, by the last look; 0: it is not bounded."""
        quota = product.quota
        self.requests = _window(client, product, quota.requests, "requests", "requests")
        self.bytes = _window(client, product, quota.bytes, "bytes", BYTES)
        self.windows = [one for one in (self.requests, self.bytes) if one is not None]
        policies = [one.policy for one in self.windows]
        if quota.parallel:
            name = f"{product.product}-parallel"
            policies.append(Policy(name=name, quota=quota.parallel, unit=PARALLEL))
        self.policies = format_policies(policies).encode()


def _window(
    client: str, product: ProductSettings, settings: WindowSettings | None, name: str, unit: str
) -> _Window | None:
    if settings is None:
        return None
    policy = Policy(
        name=f"{product.product}-{name}",
        quota=settings.limit,
        window_seconds=settings.per_seconds,
        unit=unit,
    )
    return _Window(client, policy)


class Quotas:
    """Every client's books in this process. `nodes` says how many processes serve the API: each
    has its share of the requests at a time."""

    def __init__(self, store: Store, clock: Clock, nodes: Callable[[], int]) -> None:
        self._store = store
        self._clock = clock
        self._nodes = nodes
        self._books: dict[tuple[str, str], _Book] = {}

    async def enter(self, client: str, product: ProductSettings, announced: int) -> Admission:
        """Let a request in, with a body of so many bytes. Raises QuotaExceeded."""
        book = self._book(client, product)
        book.share = self._share(product)
        if book.share and book.under_way >= book.share:
            name = f"{product.product}-parallel"
            raise QuotaExceeded((name,), retry_after_seconds=BUSY_SECONDS)
        book.under_way += 1
        try:
            await self._pay(book, announced)
        except BaseException:
            book.under_way -= 1
            raise
        return Admission(book, self, announced)

    def refused(self, client: str, product: ProductSettings) -> list[tuple[bytes, bytes]]:
        """Return the headers of a request that was not let in."""
        return self.headers(self._book(client, product))

    def headers(self, book: _Book) -> list[tuple[bytes, bytes]]:
        """Return RateLimit and RateLimit-Policy as they are now; none where nothing is bounded."""
        if not book.policies:
            return []
        now = self._now()
        limits = [one.limit(now) for one in book.windows]
        if book.share:
            left = max(0, book.share - book.under_way)
            limits.append(Limit(name=f"{book.product.product}-parallel", remaining=left))
        return [
            (b"ratelimit-policy", book.policies),
            (b"ratelimit", format_limits(limits).encode()),
        ]

    def _book(self, client: str, product: ProductSettings) -> _Book:
        key = (client, product.product)
        book = self._books.get(key)
        if book is None or book.product.quota != product.quota:
            under_way = book.under_way if book else 0
            book = self._books[key] = _Book(client, product)
            book.under_way = under_way
        return book

    def _share(self, product: ProductSettings) -> int:
        bound = product.quota.parallel
        return max(1, bound // max(1, self._nodes())) if bound else 0

    async def _pay(self, book: _Book, announced: int) -> None:
        owed = [(book.bytes, announced), (book.requests, 1)]
        due = [(window, amount) for window, amount in owed if window is not None and amount]
        paid: list[tuple[_Window, int]] = []
        now = self._now()
        for window, amount in due:
            window.at(now)
            if window.left >= amount:
                window.left -= amount
            elif await self._take(window, amount):
                now = self._now()
            else:
                for other, back in paid:
                    other.left += back
                wait = window.limit(self._now()).reset_seconds or BUSY_SECONDS
                raise QuotaExceeded((window.policy.name,), retry_after_seconds=wait)
            paid.append((window, amount))

    async def _take(self, window: _Window, amount: int) -> bool:
        """Take from the slice at hand, or lease another one."""
        window.at(self._now())
        if window.left < amount and window.left + window.elsewhere >= amount:
            async with window.leasing:
                window.at(self._now())
                if window.left < amount:
                    await self._lease(window, amount - window.left)
        if window.left < amount:
            return False
        window.left -= amount
        return True

    async def _lease(self, window: _Window, needed: int) -> None:
        """Lease what is needed, and more where there is much left. A store that cannot tell now
        does not close the API: this request passes."""
        start = window.start
        try:
            left = await self._left(window)
            while left >= needed:
                slice_size = max(window.policy.quota // SLICES, 1)
                wanted = max(needed, min(slice_size, left // 2))
                if await self._leased(window, start, wanted):
                    if window.start == start:
                        window.left += wanted
                        window.elsewhere = left - wanted
                    return
                left = await self._left(window)  # another process was faster
        except HubError as fault:
            log.warning("A quota could not be looked up, and is not counted now: %s", fault.code)
            window.left += needed
            return
        if window.start == start:
            window.elsewhere = left

    async def _left(self, window: _Window) -> int:
        name = window.policy.name
        rows = await self._store.fetch("quota_get", client=window.client, policy=name)
        used = rows[0]["used"] if rows and rows[0]["window_at"] == window.start else 0
        late = bool(rows) and rows[0]["window_at"] > window.start
        return 0 if late else max(0, window.policy.quota - used)

    async def _leased(self, window: _Window, start: int, wanted: int) -> bool:
        params = {
            "client": window.client,
            "policy": window.policy.name,
            "window_at": start,
            "amount": wanted,
            "quota": window.policy.quota,
        }
        done = await self._store.commit(Unit(statements=(Statement("quota_take", params),)))
        return done.affected[0] == 1

    def _now(self) -> int:
        return milliseconds(self._clock.now())
