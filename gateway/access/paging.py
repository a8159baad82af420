"""Tells the security contact of an emergency: a signed webhook, sent beside it, on the record."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from enum import StrEnum

import msgspec

from connectors.base import Call, Context, Delivered, Document, Pending
from connectors.http import AiohttpTransport
from connectors.webhook import Settings, WebhookSink
from gateway.errors import HubError
from gateway.ports import Ports
from gateway.settings import Config, PageSettings
from gateway.store import AuditEntry, Store, Unit

__all__ = ["Alarm", "Page", "Pager"]

log = logging.getLogger("remithub.access")

SCHEDULE_SECONDS = (0, 5, 15, 30, 60, 120, 240)
"""Waits before each try: eight minutes in all, then Prometheus has to tell."""

TRY_SECONDS = 20.0


class Alarm(StrEnum):
    """What has happened at the local account."""

    BEGUN = "begun"
    """Somebody is in."""
    LOCKED = "locked"
    """Too many wrong tries: an address, or everybody, is not heard for a while."""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """What is told. Never why: a reason is a person's own words, perhaps a patient's name, and
    stays on the audit record, where `session` finds it."""

    alarm: Alarm
    account: str
    address: str
    """Where it came from."""
    session: str = ""
    """By which it can be ended; it opens nothing."""
    at: datetime
    until: datetime


class Pager:
    """Sends pages to where the configuration in force says. What is under way when the hub stops
    is given up, and on record as that."""

    def __init__(
        self,
        *,
        config: Callable[[], Config],
        store: Store,
        ports: Ports,
        secret: Callable[[str], str],
    ) -> None:
        self._config = config
        self._store = store
        self._ports = ports
        self._secret = secret
        self._under_way: set[asyncio.Task[None]] = set()

    def tell(self, page: Page) -> None:
        """Begin to tell, and return at once: nothing that goes wrong with it keeps anybody out."""
        account = self._config().hub.access.break_glass
        if account is None or account.page is None:
            log.critical("There is no `access.break_glass.page`: tell the security contact.")
            return
        task = asyncio.create_task(self._tell(account.page, page), name="page")
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def close(self) -> None:
        """Give up what is under way."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _tell(self, where: PageSettings, page: Page) -> None:
        code = "internal_error"
        try:
            code = await self._tried(where, page)
        except asyncio.CancelledError:
            code = "stopped"
            raise
        finally:
            await self._record(page, code)

    async def _tried(self, where: PageSettings, page: Page) -> str:
        """Return why nobody could be told, "" once somebody was."""
        try:
            sink = WebhookSink(
                Settings(url=where.url, secrets=where.secrets, network=where.network),
                self._context(),
            )
        except (KeyError, ValueError):
            return "page_unusable"
        document, key = self._document(page), self._ports.ids.new("pag")
        code, clock = "", self._ports.clock
        try:
            for attempt, wait in enumerate(SCHEDULE_SECONDS, 1):
                await clock.sleep(wait)
                call = Call(key=key, attempt=attempt, deadline=clock.monotonic() + TRY_SECONDS)
                ending = await sink.deliver(call, document)
                if isinstance(ending, Delivered | Pending):
                    return ""
                code = ending.code
        finally:
            await sink.close()
        return code

    def _context(self) -> Context:
        return Context(
            interface="break-glass",
            clock=self._ports.clock,
            secret=self._secret,
            transport=AiohttpTransport,
            executor=ThreadPoolExecutor,
            fail_point=self._ports.fail_point,
        )

    def _document(self, page: Page) -> Document:
        data = msgspec.to_builtins(page)
        event = {
            "source": f"//hub/{self._config().hub.tenant}/break-glass",
            "type": f"com.remithub.break-glass.{page.alarm}.v1",
            "subject": page.session,
            "time": data["at"],
        }
        return Document(contract="break-glass", data=data, event=event)

    async def _record(self, page: Page, code: str) -> None:
        outcome = "failed" if code else "told"
        if code:
            log.critical("The security contact was not told (%s): tell them.", code)
        detail = {"alarm": page.alarm.value, **({"code": code} if code else {})}
        entry = AuditEntry("hub", "break-glass.page", page.session, outcome=outcome, detail=detail)
        try:
            counts = (("", f"break_glass_{outcome}", 1),)
            await self._store.commit(Unit(counts=counts, audit=(entry,)))
        except HubError as fault:
            log.error("What became of a page is not on record: %s.", fault.code)  # noqa: TRY400 - the code says it all
