"""The simulated network: every call's fate is drawn from the seed, with or without the effect.

A model of real partners: an effect is made when a request arrives, or at the end of a slow
answer if the caller still waits for it. So no partner makes an effect after the caller's deadline:
that is what a hub may rely on, and no hub can do better at a partner that takes no key.
"""

import asyncio
import ssl
import zlib
from collections.abc import Callable
from contextvars import Context
from enum import StrEnum

import httpx
import msgspec

from gateway.ports import Randomness
from gateway.simulation.loop import Process, VirtualLoop, running_process
from gateway.simulation.partners import Asked, Book, Partner

__all__ = ["FATES", "Fate", "Mood", "Network"]


class Fate(StrEnum):
    """What becomes of one call."""

    ANSWERED = "answered"
    REFUSED = "refused"
    RESET_BEFORE = "reset_before"
    RESET_AFTER = "reset_after"
    ERROR_BEFORE = "error_before"
    ERROR_AFTER = "error_after"
    UNAVAILABLE = "unavailable"
    THROTTLED = "throttled"
    REFUSAL = "refusal"
    UNAUTHORIZED = "unauthorized"
    HANG_BEFORE = "hang_before"
    HANG_AFTER = "hang_after"
    SLOW = "slow"
    GARBAGE = "garbage"
    """The effect, and an answer that cannot be read."""
    ODD = "odd"
    """The effect, and an answer that says something else."""


FATES = {
    Fate.REFUSED: 6,
    Fate.RESET_BEFORE: 6,
    Fate.RESET_AFTER: 8,
    Fate.ERROR_BEFORE: 3,
    Fate.ERROR_AFTER: 5,
    Fate.UNAVAILABLE: 6,
    Fate.THROTTLED: 3,
    Fate.REFUSAL: 1,
    Fate.UNAUTHORIZED: 0.5,
    Fate.HANG_BEFORE: 3,
    Fate.HANG_AFTER: 5,
    Fate.SLOW: 8,
    Fate.GARBAGE: 2,
    Fate.ODD: 0.5,
}
"""How often, compared with each other; a world draws which of them it has."""

_EFFECT = {Fate.RESET_AFTER, Fate.ERROR_AFTER, Fate.HANG_AFTER, Fate.GARBAGE, Fate.ODD}
_STATUS = {
    Fate.ERROR_BEFORE: 500,
    Fate.ERROR_AFTER: 504,
    Fate.UNAVAILABLE: 503,
    Fate.THROTTLED: 429,
    Fate.REFUSAL: 422,
    Fate.UNAUTHORIZED: 401,
}


_PLAIN = httpx.Headers({"Content-Type": "application/json"})
_THROTTLED = httpx.Headers({"Content-Type": "application/json", "Retry-After": "3"})


class Mood:
    """How a partner is just now. `trouble` is the chance that a call ends badly; a `clogged` one
    refuses every connection, a `dead` one for good."""

    def __init__(self) -> None:
        self.trouble = 0.0
        self.clogged = False
        self.dead = False


class _Call(msgspec.Struct, frozen=True, kw_only=True):
    partner: str
    asked: Asked
    fate: Fate
    answer: "asyncio.Future[httpx.Response]"
    request: httpx.Request
    caller: Process | None

    @property
    def waited_for(self) -> bool:
        """Whether the caller is there and still waits."""
        runs = self.caller is None or (self.caller.alive and not self.caller.standing)
        return runs and not self.answer.done()


class Network:
    """Between the processes and the partners."""

    def __init__(
        self,
        loop: VirtualLoop,
        chance: Randomness,
        partners: dict[str, Partner],
        book: Book,
        tell: Callable[[str], None],
    ) -> None:
        self.moods = {name: Mood() for name in partners}
        self.fates: dict[Fate, float] = dict(FATES)
        self.cursed_one_in = 0
        """One delivery in so many is never taken (503) by its partner; 0: none."""
        self.counts: dict[str, int] = {}
        self._loop = loop
        self._chance = chance
        self._partners = partners
        self._book = book
        self._tell = tell
        self._context = Context()

    def transport(
        self, *, connections: int, verify: ssl.SSLContext | bool
    ) -> httpx.AsyncBaseTransport:
        """Return the transport of one connector."""
        del connections, verify
        return _Transport(self)

    def draw(self, partner: str, asked: Asked) -> Fate:
        """Draw what becomes of a call."""
        mood = self.moods[partner]
        if mood.dead or mood.clogged:
            return Fate.REFUSED
        if self.cursed(asked.delivery):
            return Fate.UNAVAILABLE
        if self._chance.random() >= mood.trouble:
            return Fate.ANSWERED
        (fate,) = self._chance.choices([*self.fates], [*self.fates.values()])
        # A question that is answered with something else is no honest answer.
        return Fate.GARBAGE if fate is Fate.ODD and asked.method == "GET" else fate

    def cursed(self, delivery: str) -> bool:
        """Return whether its partner never takes this delivery, whoever is well."""
        every = self.cursed_one_in
        return bool(every and delivery) and zlib.crc32(delivery.encode()) % every == 0

    async def send(self, request: httpx.Request, body: bytes) -> httpx.Response:
        """Send a request of the running process. Raises httpx's errors."""
        process = running_process()
        answer: asyncio.Future[httpx.Response] = self._loop.create_future()
        if process is not None and not process.alive:
            return await answer  # it has crashed: nothing leaves any more
        partner = request.url.host.partition(".")[0]
        asked = Asked(
            method=request.method,
            path=request.url.path,
            query=dict(request.url.params) if request.url.query else {},
            headers={
                name.decode("latin-1").lower(): value.decode("latin-1")
                for name, value in request.headers.raw
            },
            body=body,
        )
        fate = self.draw(partner, asked)
        self._note(f"call {partner} {asked.method} {asked.reference} {fate}")
        self.counts[fate] = self.counts.get(fate, 0) + 1
        seconds = 0.001 + self._chance.random() * 0.05
        call = _Call(
            partner=partner, asked=asked, fate=fate, answer=answer, request=request, caller=process
        )
        self._loop.call_later(seconds, self._arrive, call, context=self._context)
        timer = self._loop.call_later(request.extensions["timeout"]["read"], _silence, answer)
        try:
            return await answer
        finally:
            timer.cancel()

    def _arrive(self, call: _Call) -> None:
        match call.fate:
            case Fate.REFUSED:
                self._fail(call, httpx.ConnectError("refused"))
            case Fate.RESET_BEFORE:
                self._fail(call, httpx.ReadError("reset"))
            case Fate.HANG_BEFORE:
                pass
            case Fate.SLOW:
                wait = 0.5 + self._chance.random() * 5
                if self._chance.random() < 0.5:
                    self._later(wait, self._reply, call, self._effect(call))
                else:
                    self._later(wait, self._finish, call)
            case fate if fate in _STATUS and fate not in _EFFECT:
                self._reply(call, (_STATUS[fate], b"{}"))
            case fate:
                self._answer(call, fate, self._effect(call))

    def _later(self, seconds: float, do: Callable[..., None], *args: object) -> None:
        self._loop.call_later(seconds, do, *args, context=self._context)

    def _answer(self, call: _Call, fate: Fate, answer: tuple[int, bytes]) -> None:
        match fate:
            case Fate.RESET_AFTER:
                self._fail(call, httpx.ReadError("reset"))
            case Fate.HANG_AFTER:
                pass
            case Fate.ERROR_AFTER:
                self._reply(call, (504, b""))
            case Fate.GARBAGE:
                self._reply(call, (answer[0], answer[1][: len(answer[1]) // 2]))
            case Fate.ODD if answer[0] == 200:
                self._reply(call, (200, b'{"something":"else"}'))
            case _:
                self._reply(call, answer)

    def _finish(self, call: _Call) -> None:
        """Make the effect of a slow call whose caller still waits."""
        if call.waited_for:
            self._reply(call, self._effect(call))

    def _effect(self, call: _Call) -> tuple[int, bytes]:
        before = len(self._book.effects)
        answer = self._partners[call.partner].answer(call.asked)
        if call.asked.method != "GET":
            delivery = call.asked.delivery
            self._book.requests[delivery] = self._book.requests.get(delivery, 0) + 1
        for effect in self._book.effects[before:]:
            self._note(f"effect {effect.partner} {effect.key} {effect.cents}")
        return answer

    def _reply(self, call: _Call, answer: tuple[int, bytes]) -> None:
        status, body = answer
        if not call.answer.done():
            headers = _THROTTLED if call.fate is Fate.THROTTLED else _PLAIN
            call.answer.set_result(_Answered(status, headers, body))

    def _fail(self, call: _Call, fault: httpx.HTTPError) -> None:
        if not call.answer.done():
            call.answer.set_exception(fault)

    def _note(self, line: str) -> None:
        self._tell(line)


def _silence(answer: "asyncio.Future[httpx.Response]") -> None:
    """The caller has waited long enough."""
    if not answer.done():
        answer.set_exception(httpx.ReadTimeout("silence"))


class _Answered(httpx.Response):
    """A whole answer: what a caller asks of one, made without what nobody asks."""

    def __init__(self, status: int, headers: httpx.Headers, body: bytes) -> None:
        self.status_code = status
        self.headers = headers
        self._content = body

    async def aread(self) -> bytes:
        """Return the body."""
        return self._content

    async def aclose(self) -> None:
        """Nothing is open."""


class _Transport(httpx.AsyncBaseTransport):
    def __init__(self, network: Network) -> None:
        self._network = network

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._network.send(request, await request.aread())
