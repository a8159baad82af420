"""`/v1/feeds/{contract}`: follow a contract's messages, by cursor or as server-sent events."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import msgspec
from litestar import Response, get
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.response import Stream

from gateway.api.conversion import EXACT
from gateway.api.events import outgoing, put_on_record
from gateway.api.feed_pages import Cursor, Page, page_after
from gateway.api.governed import must_cover, shows_full
from gateway.api.guard import actor_of, sees, sees_all
from gateway.api.negotiation import Meant, accepted_types, given_version, used
from gateway.api.quota import QuotaExceeded
from gateway.api.services import HubRequest, services
from gateway.api.wire import JSON
from gateway.errors import Reject
from gateway.ports import Clock
from gateway.store import Row

__all__ = ["ROUTES", "FeedPage", "Followers"]

MAX_WAIT_SECONDS = 30
LOOK_SECONDS = 0.5
"""How often a waiting request looks."""

HEARTBEAT_SECONDS = 15.0
STREAM_SECONDS = 600.0
"""A stream ends after so long; the client comes again with Last-Event-ID, and with a credential
that is still good."""

STREAMS = 4
"""Streams of one client in one process."""

STREAM_PAGE = 100

Limit = Annotated[int, QueryParameter(ge=1, le=1000, description="Events of one answer.")]
Wait = Annotated[
    int, QueryParameter(ge=0, le=MAX_WAIT_SECONDS, description="Seconds to wait for the first.")
]


class FeedPage(msgspec.Struct, frozen=True, kw_only=True):
    """Events, the oldest first; `next` goes into `after`. There are no more for now where it is
    empty. An event may come again: its id tells."""

    events: list[dict[str, Any]]
    next: str


class Followers:
    """How many streams each client has here."""

    def __init__(self) -> None:
        self._streams: Counter[str] = Counter()

    @contextmanager
    def one_more(self, who: str) -> Iterator[None]:
        """Hold a place for a stream."""
        self._streams[who] += 1
        try:
            yield
        finally:
            self._streams[who] -= 1

    def must_have_room(self, who: str) -> None:
        """Raise QuotaExceeded where a client has as many streams as it may."""
        if self._streams[who] >= STREAMS:
            raise QuotaExceeded(("streams",), retry_after_seconds=int(HEARTBEAT_SECONDS))


@get("/v1/feeds/{contract:str}", summary="Follow a contract by cursor", tags=["messages"])
async def follow(
    request: HubRequest,
    contract: FromPath[str],
    after: FromQuery[str] = "",
    limit: Limit = 100,
    wait: Wait = 0,
) -> Response[FeedPage]:
    """Return the messages after a place as CloudEvents, in a stable order, each at least once.

    Documents come in the version that Accept names (`application/json; version=1`), else the
    client's pin; masked unless the product shows them in full.
    """
    hub = services(request)
    cursor = Cursor.parse(after)
    meant = await _meant(request, contract)
    page = await page_after(hub.store, contract, cursor, limit)
    end = hub.ports.clock.monotonic() + wait
    while not page.rows and hub.ready and hub.ports.clock.monotonic() < end:
        await hub.ports.clock.sleep(LOOK_SECONDS)
        page = await page_after(hub.store, contract, page.next, limit)
    events = [event async for _, event in _events(request, page, meant)]
    await used(request, meant)
    shown = FeedPage(events=events, next=str(page.next))
    answer: Response[Any] = Response(EXACT.encode(shown), media_type=JSON)
    return answer


async def _meant(request: HubRequest, contract: str) -> Meant:
    """Return the version in which this feed is given. Raises NotFound, NotAcceptable, Forbidden."""
    stored = services(request).catalogue.newest(contract)
    named = next((one.version for one in accepted_types(request) if one.version), "")
    meant = await given_version(request, contract, stored.version, named)
    await must_cover(request, contract, meant.version.version)
    return meant


async def _events(
    request: HubRequest, page: Page, meant: Meant
) -> AsyncIterator[tuple[Cursor, dict[str, Any]]]:
    """Yield what the caller may see of a page; of what has no form in its version an event without
    data, whose type says so."""
    hub = services(request)
    full = shows_full(request)
    rows = [(row, place) for row, place in page.rows if await _may_see(request, row)]
    if full and rows:
        await put_on_record(request, meant.version.name, len(rows))
    for row, place in rows:
        try:
            shown = (await outgoing(hub, row, meant, full=full)).plain()
        except Reject as refusal:
            shown = {"specversion": "1.0", "id": row["message_id"], "type": f"com.remithub.{refusal.code}",
                     "source": f"//hub/{hub.bundle.tenant}/{row['interface']}"}  # fmt: skip
        yield place, shown


async def _may_see(request: HubRequest, row: Row) -> bool:
    if sees_all(request):
        return True
    owed = await services(request).store.fetch("owed_of_item", item_id=row["message_id"])
    return sees(request, {row["interface"], *(delivery["interface"] for delivery in owed)})


@get(
    "/v1/feeds/{contract:str}/events",
    summary="Follow a contract as a stream",
    tags=["messages"],
)
async def stream(
    request: HubRequest, contract: FromPath[str], after: FromQuery[str] = ""
) -> Stream:
    """Send every message as a server-sent event with a CloudEvent in `data`, as long as the client
    listens, at most ten minutes. `Last-Event-ID` goes on behind the event that was seen last.
    """
    cursor = Cursor.parse(request.headers.get("last-event-id") or after)
    meant = await _meant(request, contract)
    followers: Followers = request.app.state["followers"]
    who = actor_of(request)
    followers.must_have_room(who)
    await used(request, meant)
    return Stream(
        _streamed(request, followers, cursor, meant),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store"},
    )


async def _streamed(
    request: HubRequest, followers: Followers, cursor: Cursor, meant: Meant
) -> AsyncIterator[bytes]:
    hub = services(request)
    clock = hub.ports.clock
    end, spoke = clock.monotonic() + STREAM_SECONDS, clock.monotonic()
    with followers.one_more(actor_of(request)):
        yield b"retry: 1000\n\n"
        while hub.ready and clock.monotonic() < end:
            page = await page_after(hub.store, meant.version.name, cursor, STREAM_PAGE)
            async for place, event in _events(request, page, meant):
                yield b"id: %s\ndata: %s\n\n" % (str(place).encode(), EXACT.encode(event))
                spoke = clock.monotonic()
            cursor = page.next
            if page.rows:
                continue
            if _silent(clock, spoke):
                yield b": still here\n\n"
                spoke = clock.monotonic()
            await clock.sleep(LOOK_SECONDS)


def _silent(clock: Clock, spoke: float) -> bool:
    return clock.monotonic() - spoke >= HEARTBEAT_SECONDS


ROUTES = (follow, stream)
