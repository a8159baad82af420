"""Ticks: what calls somebody every so many seconds. It only ticks; the work is the called one's."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Protocol

from apscheduler.schedulers.asyncio import AsyncIOScheduler

__all__ = ["SchedulerTicks", "Ticks"]

SHORTEST_PAUSE_SECONDS = 0.1


class Ticks(Protocol):
    """A simulation brings its own."""

    def every(self, name: str, seconds: float, call: Callable[[], Awaitable[Any]]) -> None:
        """Call at once and then every so many seconds; replaces the tick of that name."""
        ...

    def drop(self, name: str) -> None:
        """Call no more; nothing happens where there is no such tick."""
        ...

    def stop(self) -> None:
        """Call nobody any more."""
        ...


class SchedulerTicks:
    """Ticks of APScheduler. Runs that were missed are one run, however late (its defaults would
    drop what is a second late)."""

    def __init__(self) -> None:
        self._scheduler = AsyncIOScheduler(timezone="UTC")

    def every(self, name: str, seconds: float, call: Callable[[], Awaitable[Any]]) -> None:
        """Call at once and then every so many seconds."""
        if not self._scheduler.running:
            self._scheduler.start()
        self._scheduler.add_job(
            call,
            "interval",
            id=name,
            replace_existing=True,
            seconds=max(seconds, SHORTEST_PAUSE_SECONDS),
            next_run_time=datetime.now(UTC),  # noqa: TID251 - the scheduler's own clock
            misfire_grace_time=None,
            coalesce=True,
            max_instances=1,
        )

    def drop(self, name: str) -> None:
        """Call no more."""
        if self._scheduler.get_job(name) is not None:
            self._scheduler.remove_job(name)

    def stop(self) -> None:
        """Call nobody any more."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
