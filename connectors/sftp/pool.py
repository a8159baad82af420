"""Connections and their SFTP sessions, kept and bounded; the blocking side in threads."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import paramiko

from connectors.base import Context, Failure
from connectors.sftp.client import Client
from connectors.sftp.faults import SftpFault, operation_fault
from connectors.sftp.session import connect, credential_of, host_keys_of
from connectors.sftp.settings import Settings

__all__ = ["Endpoint", "Session"]

T = TypeVar("T")


class _Slot:
    """One connection, made when first needed, with its idle sessions."""

    def __init__(self) -> None:
        self.connecting = threading.Lock()
        self.transport: paramiko.Transport | None = None
        self.idle: list[Client] = []
        self.borrowed = 0


class _DeadConnection(Exception):
    """A connection could not carry a session."""


class _Pool:
    """Lends sessions to threads. Its lock is never held while the network is waited for."""

    def __init__(self, settings: Settings, context: Context) -> None:
        self._settings = settings
        self._host_keys = host_keys_of(settings)
        self._credential = credential_of(settings, context.secret)
        self._lock = threading.Lock()
        self._slots = [_Slot() for _ in range(settings.connections)]
        self._closed = False

    def borrow(self) -> tuple[_Slot, Client]:
        """Return a session that is nobody else's. Raises SftpFault."""
        slot, client = self._choose()
        try:
            if client is None or not client.alive:
                client = self._opened(slot)
        except BaseException:
            with self._lock:
                slot.borrowed -= 1
            raise
        return slot, client

    def give_back(self, slot: _Slot, client: Client, *, usable: bool) -> None:
        """Keep a usable session for the next; close any other."""
        usable = usable and client.alive
        with self._lock:
            slot.borrowed -= 1
            if usable and not self._closed:
                slot.idle.append(client)
                return
        with contextlib.suppress(Exception):  # it is broken or unwanted: nothing to save
            client.close()

    def close(self) -> None:
        """Close every connection, also under those who use it."""
        with self._lock:
            self._closed = True
        for slot in self._slots:
            self._forget(slot, slot.transport)

    def _choose(self) -> tuple[_Slot, Client | None]:
        """Prefer a session that is open, then the connection with the fewest borrowers."""
        with self._lock:
            if self._closed:
                raise SftpFault(Failure.DESTINATION, "closed")
            slot = min(self._slots, key=lambda slot: (not slot.idle, slot.borrowed))
            slot.borrowed += 1
            return slot, slot.idle.pop() if slot.idle else None

    def _opened(self, slot: _Slot) -> Client:
        """Open a session; a kept connection that turns out to be dead is replaced once."""
        for _ in range(2):
            transport = self._connected(slot)
            try:
                return self._session(transport)
            except _DeadConnection:
                self._forget(slot, transport)
        raise SftpFault(Failure.DESTINATION, "connection_lost")

    def _connected(self, slot: _Slot) -> paramiko.Transport:
        with slot.connecting:
            transport = slot.transport
            if transport is not None and transport.is_active():
                return transport
            self._forget(slot, transport)
            transport = connect(self._settings, self._host_keys, self._credential)
            with self._lock:
                wanted = not self._closed
                slot.transport = transport if wanted else None
            if not wanted:
                transport.close()
                raise SftpFault(Failure.DESTINATION, "closed")
            return transport

    def _session(self, transport: paramiko.Transport) -> Client:
        try:
            channel = transport.open_session(timeout=self._settings.connect_seconds)
            channel.settimeout(self._settings.io_seconds)
            channel.invoke_subsystem("sftp")
            return Client(channel)
        except paramiko.ChannelException:
            raise SftpFault(Failure.DESTINATION, "session_refused") from None
        except (paramiko.SSHException, paramiko.SFTPError, EOFError, OSError):
            raise _DeadConnection from None

    def _forget(self, slot: _Slot, transport: paramiko.Transport | None) -> None:
        """Close a slot's connection, unless it has another by now."""
        with self._lock:
            if slot.transport is transport:
                slot.transport, slot.idle = None, []
        if transport is not None:
            transport.close()


class Session:
    """One borrowed session, driven from the event loop."""

    def __init__(self, endpoint: "Endpoint", client: Client) -> None:
        self._endpoint = endpoint
        self._client = client

    async def run(self, work: Callable[..., T], *arguments: Any) -> T:
        """Run `work(client, *arguments)` in a thread. Raises SftpFault."""

        def guarded() -> T:
            try:
                return work(self._client, *arguments)
            except Exception as fault:
                raise operation_fault(fault, alive=self._client.alive) from None

        return await self._endpoint.in_thread(guarded)


class Endpoint:
    """A server and its pool: as many sessions at a time as connections x channels."""

    def __init__(self, settings: Settings, context: Context) -> None:
        places = settings.connections * settings.channels
        self._pool = _Pool(settings, context)
        self._threads = context.executor(places)
        self._closer = context.executor(1)
        self._places = asyncio.Semaphore(places)
        self._closed = False

    @contextlib.asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """Lend a session. After a lost answer, an unknown error or a cancellation it is closed,
        which also frees the thread that waits on it. Raises SftpFault."""
        async with self._places:
            slot, client = await self._borrow()
            usable = False
            try:
                yield Session(self, client)
                usable = True
            except SftpFault as fault:
                usable = not fault.lost
                raise
            finally:
                self._pool.give_back(slot, client, usable=usable)

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Run blocking work in the endpoint's own threads."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def close(self) -> None:
        """Close connections, which frees the threads that wait on them, then the threads.

        May be called twice.
        """
        if self._closed:
            return
        self._closed = True
        await asyncio.get_running_loop().run_in_executor(self._closer, self._pool.close)
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._closer.shutdown(wait=False)

    async def _borrow(self) -> tuple[_Slot, Client]:
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._threads, self._pool.borrow)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            future.add_done_callback(self._unclaimed)
            raise

    def _unclaimed(self, future: asyncio.Future[tuple[_Slot, Client]]) -> None:
        """Take back what arrived after its borrower had gone."""
        if not future.cancelled() and future.exception() is None:
            slot, client = future.result()
            self._pool.give_back(slot, client, usable=True)
