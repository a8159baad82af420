"""How long a client may take to send a body or to read an answer, so that none holds a place.

The server ends slow headers and idle connections by itself; bodies it leaves to the application.
"""

import asyncio
from typing import cast

from litestar.types import Message, Receive, Send
from litestar.types.asgi_types import HTTPReceiveMessage

from gateway.errors import HubError
from gateway.ports import Clock

__all__ = ["READING_SECONDS", "BodyTooSlow", "Outlet", "patient"]

SILENCE_SECONDS = 30.0
"""Without a byte for this long, a client is taken for gone."""
GRACE_SECONDS = 60.0
LEAST_BYTES_PER_SECOND = 16 * 1024
"""A body may take the grace and a second more for each so many bytes that came."""
READING_SECONDS = 60.0
"""How long one block of an answer may wait for a client that does not read."""


class BodyTooSlow(HubError):
    """The body did not come in time; nothing of it was kept."""

    code = "body_too_slow"

    def __init__(self) -> None:
        super().__init__("The body did not come in time.", next_step="send it again, faster.")


def patient(receive: Receive, clock: Clock) -> Receive:
    """Return `receive` with bounds on the time until the body is whole. Raises BodyTooSlow.

    After the body, waiting is unbounded: what comes then is only that the client has gone.
    """
    began = clock.monotonic()
    taken = 0
    whole = False

    async def received() -> HTTPReceiveMessage:
        nonlocal taken, whole
        if whole:
            return cast(HTTPReceiveMessage, await receive())
        left = began + GRACE_SECONDS + taken / LEAST_BYTES_PER_SECOND - clock.monotonic()
        try:
            async with asyncio.timeout(max(min(left, SILENCE_SECONDS), 0)):
                message = cast(HTTPReceiveMessage, await receive())
        except TimeoutError:
            raise BodyTooSlow from None
        if message["type"] == "http.request":
            taken += len(message.get("body", b""))
            whole = not message.get("more_body", False)
        else:
            whole = True
        return message

    return cast(Receive, received)


class Outlet:
    """Sends an answer; gives up on a client that does not read it. What was sent then ends short,
    which the client can tell."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.given_up = False
        self._in_pieces = False

    async def send(self, message: Message) -> None:
        """Send one message. Raises TimeoutError where nobody reads."""
        if not self._may_wait(message):
            await self._send(message)
            return
        try:
            async with asyncio.timeout(READING_SECONDS):
                await self._send(message)
        except TimeoutError:
            self.given_up = True
            raise

    def _may_wait(self, message: Message) -> bool:
        """The server waits for the client with a piece of an answer; a start, or an answer that is
        whole, it takes at once."""
        if message["type"] != "http.response.body":
            return False
        self._in_pieces = self._in_pieces or message.get("more_body", False)
        return self._in_pieces
