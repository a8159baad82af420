"""The partners of the simulated site, and what they remember: every effect, counted where it is made."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec

from gateway.model.money import cents_of
from gateway.ports import Clock, Randomness
from gateway.simulators.billing import BillingDesk
from gateway.simulators.erp import ErpDesk
from gateway.simulators.http_partner import Answer, Order

__all__ = ["Asked", "Book", "Effect", "Partner", "make_partners"]


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """One effect. `delivery` is the hub's word for what it delivers, `key` the one of the try;
    `at` in virtual seconds, `cents` as the partner itself reads them out of the document."""

    at: float
    partner: str
    delivery: str
    key: str
    cents: int


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request as a partner gets it."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def reference(self) -> str:
        """Return the key of the try, which the site's templates put into a header of its own."""
        return self.headers.get("x-reference", "")

    @property
    def delivery(self) -> str:
        """Return the delivery that the try belongs to."""
        return self.reference.partition("-")[0]


class Book:
    """Every effect at every partner, in the order they were made."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.effects: list[Effect] = []
        self.requests: dict[str, int] = {}
        """Writes that reached a partner, by delivery."""
        self._now = now

    def enter(self, partner: str, asked: Asked, cents: int) -> None:
        """Write down one effect."""
        effect = Effect(
            at=self._now(),
            partner=partner,
            delivery=asked.delivery,
            key=asked.reference,
            cents=cents,
        )
        self.effects.append(effect)

    def has(self, delivery: str) -> bool:
        """Return whether any effect of the delivery is there."""
        return any(effect.delivery == delivery for effect in self.effects)


class Partner(Protocol):
    """One partner: plain functions over its own books."""

    def answer(self, asked: Asked) -> tuple[int, bytes]:
        """Make the effect of a write, or answer a question: status and body."""
        ...


class _Documents:
    """Takes documents. A key makes an effect once; without one every write makes another. Where
    `pending_seconds` is given, a document becomes final after that, and only asking tells."""

    def __init__(
        self, name: str, book: Book, now: Callable[[], float], amount: str, pending_seconds: float
    ) -> None:
        self._name = name
        self._book = book
        self._now = now
        self._amount = amount.split(".")
        self._pending_seconds = pending_seconds
        self._since: dict[str, float] = {}

    def answer(self, asked: Asked) -> tuple[int, bytes]:
        if asked.method == "GET":
            key = asked.path.rpartition("/")[2]
            return self._found(key) if key in self._since else (404, b"{}")
        key = asked.headers.get("idempotency-key", "")
        if not key or key not in self._since:
            value: Any = msgspec.json.decode(asked.body)
            for name in self._amount:
                value = value[name]
            self._book.enter(self._name, asked, cents_of(value))
            self._since.setdefault(asked.reference, self._now())
        return self._found(asked.reference)

    def _found(self, key: str) -> tuple[int, bytes]:
        final = self._now() - self._since[key] >= self._pending_seconds
        state = "final" if final else "pending"
        return 200, msgspec.json.encode({"id": f"doc-{key[4:12]}", "state": state})


class _Desk:
    """A desk of `gateway.simulators`, its effects written into the book."""

    def __init__(
        self, name: str, book: Book, desk: BillingDesk | ErpDesk, amount: Callable[[Any], int]
    ) -> None:
        self._name = name
        self._book = book
        self._amount = amount
        self.desk = desk

    def answer(self, asked: Asked) -> tuple[int, bytes]:
        if asked.method == "GET":
            return _told(self.desk.lookup("", asked.query))
        order = Order(key=asked.headers.get("idempotency-key", ""), body=asked.body)
        answer = self.desk.write(order)
        if answer.record is not None and answer.record["effects"]:
            self._book.enter(self._name, asked, self._amount(msgspec.json.decode(asked.body)))
        return _told(answer)


def _told(answer: Answer) -> tuple[int, bytes]:
    return answer.status, answer.body


def _payment(document: Any) -> int:
    return cents_of(document["payment"]["amount"])


def _debits(document: Any) -> int:
    return cents_of(document["totalDebit"])


def make_partners(
    book: Book, clock: Clock, chance: Randomness, *, unknown_accounts: int
) -> dict[str, Partner]:
    """Return the partners by name. `unknown_accounts`: one account in so many is not known to
    billing, 0 for none."""
    now = clock.monotonic
    billing = BillingDesk(unknown_one_in=unknown_accounts, clock=clock)
    return {
        "billing": _Desk("billing", book, billing, _payment),
        "erp": _Desk("erp", book, ErpDesk(), _debits),
        "portal": _Documents("portal", book, now, "payment.amount", 0),
        "archive": _Documents("archive", book, now, "payment.amount", 0),
        "registry": _Documents("registry", book, now, "payment.amount", chance.choice([0, 3, 20])),
        "shares": _Documents("shares", book, now, "amount", 0),
    }
