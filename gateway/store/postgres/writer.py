"""The writer of one process: a group is one transaction, and its outcome is never guessed.

A COMMIT whose reply was lost may have happened. The group's random id was written with it, in
this writer's row: the same slot is claimed again, which waits for the lost session to end, and the
row tells. PostgreSQL gives the very same error in both cases.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from gateway.errors import HubError
from gateway.ports import Ports
from gateway.store.group import Outcome
from gateway.store.interface import PostgresSettings
from gateway.store.keys import KeyRing
from gateway.store.postgres.faults import AGAIN, is_lost, store_fault, unreachable
from gateway.store.postgres.group import Group, Work, prepare
from gateway.store.postgres.session import Session, SlotTaken, group_mark
from gateway.store.sealing import chunk_place
from gateway.store.units import Row, StoreUnavailable, Unit

__all__ = ["PostgresWriter"]

_LARGE_BYTES = 256 << 10
_MOST_TRIES = 5
_PAUSE_SECONDS = 0.2
_RESOLVE_SECONDS = 15.0
_POLL_SECONDS = 0.05

OnSession = Callable[[Session], Awaitable[None]]


class PostgresWriter:
    """An `AsyncWriter`; one group at a time."""

    def __init__(self, settings: PostgresSettings, keys: KeyRing, ports: Ports) -> None:
        self._settings = settings
        self._keys = keys
        self._ports = ports
        self._session: Session | None = None
        self._not_before = 0.0
        self.resolving = False
        """It is finding out what became of a commit: nothing new should wait for that."""

    async def open(self) -> None:
        """Connect and claim a slot. Raises StoreUnavailable, StorageFault."""
        await self._connected()

    async def apply(self, units: Sequence[Unit], *, at: int) -> list[Outcome]:
        """Write the group durably; see `gateway.store.group.Writer.apply`.

        Raises StoreUnavailable: `store_unreachable`, `store_busy`, `disk_full` (nothing was
        written), `writer_lost` (it could not be found out).
        """
        works = await self._prepared(units)
        for _ in range(_MOST_TRIES):
            session = await self._connected()
            mark = self._ports.ids.new("grp")
            group = Group(
                session.connection, keys=self._keys, writer=session.name, chain=session.chain
            )
            try:
                outcomes = await group.run(works, at=at, mark=mark)
            except asyncio.CancelledError:
                self._drop()
                raise
            except Exception as error:
                fault = await self._failed(error)
                continue
            if await self._committed(session, mark):
                if self._session is session:
                    session.chain = group.chain
                return outcomes
            fault = unreachable()
        raise fault

    async def close(self) -> None:
        """Let go of the slot and the connection."""
        session, self._session = self._session, None
        if session is not None:
            try:
                async with asyncio.timeout(5):
                    await session.connection.close()
            except Exception:
                session.drop()

    async def _prepared(self, units: Sequence[Unit]) -> list[Work | HubError]:
        size = sum(len(body.data) for unit in units for body in unit.bodies)
        if size < _LARGE_BYTES:
            return self._prepare(units)
        return await asyncio.get_running_loop().run_in_executor(None, self._prepare, units)

    def _prepare(self, units: Sequence[Unit]) -> list[Work | HubError]:
        return [prepare(unit, self._seal(unit)) for unit in units]

    def _seal(self, unit: Unit) -> list[Row]:
        return [
            {
                "body_id": body.body_id,
                "chunk": body.chunk,
                "last": int(body.last),
                "sealed": self._keys.seal(
                    body.data, chunk_place(body.body_id, body.chunk, body.last)
                ),
            }
            for body in unit.bodies
        ]

    async def _connected(self) -> Session:
        """Return the session, connecting where there is none; at most one try per moment.

        It fails at once while the database is away: whoever waits would only fill the memory.
        """
        if self._session is not None and self._session.alive:
            return self._session
        self._session = None
        clock = self._ports.clock
        if clock.monotonic() < self._not_before:
            raise unreachable()
        try:
            self._session = await Session.open(self._settings)
        except Exception as error:
            self._not_before = clock.monotonic() + _PAUSE_SECONDS
            raise store_fault(error) from error
        return self._session

    async def _failed(self, error: Exception) -> HubError:
        """Undo what was begun; return the fault to tell if the next try fails as well, or raise it
        where there is no use in one."""
        session = self._session
        fault = store_fault(error)
        if session is None or is_lost(error) or not session.alive:
            self._drop()
            return fault
        try:
            await session.connection.execute("ROLLBACK")
        except Exception:
            self._drop()
        if isinstance(error, AGAIN):
            return fault
        raise fault from error

    async def _committed(self, session: Session, mark: str) -> bool:
        """Commit; whatever happens on the way, return whether it is so.

        Raises StoreUnavailable (`writer_lost`) where that cannot be found out.
        """
        try:
            return bool(await session.connection.execute("COMMIT") == "COMMIT")
        except asyncio.CancelledError:
            self._drop()
            raise
        except Exception:
            self._drop()
        self.resolving = True
        try:
            return await self._resolve(session, mark)
        finally:
            self.resolving = False

    async def _resolve(self, lost: Session, mark: str) -> bool:
        clock = self._ports.clock
        deadline = clock.monotonic() + _RESOLVE_SECONDS
        while clock.monotonic() < deadline:
            try:
                session = await Session.open(self._settings, after=lost)
            except SlotTaken as taken:
                if not taken.passing:
                    break
            except Exception:  # noqa: S110  away: tried again until the deadline
                pass
            else:
                self._session = session
                try:
                    return await group_mark(session.connection, lost.name) == mark
                except Exception:
                    self._drop()
            await clock.sleep(_POLL_SECONDS)
        raise _lost()

    def _drop(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.drop()


def _lost() -> StoreUnavailable:
    return StoreUnavailable(
        "The database went away during a commit; what was written may or may not be durable.",
        code="writer_lost",
        next_step="nothing: units may run twice and are offered again.",
    )
