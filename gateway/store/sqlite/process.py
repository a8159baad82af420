"""The writing engine in a child process: groups go over a socket pair, outcomes come back."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection

import msgspec

from gateway.errors import HubError, StorageFault, UsageFault
from gateway.store.group import Outcome
from gateway.store.keys import KeyRing
from gateway.store.memory import keep_large_blocks
from gateway.store.sqlite.connection import statement_fault
from gateway.store.sqlite.engine import Engine, EngineSettings
from gateway.store.units import Committed, StoreUnavailable, Unit, UnitConflict

__all__ = ["ProcessWriter", "serve"]

_ENCODE_ERRORS = (TypeError, ValueError, OverflowError)
_PARENT_CHECK_SECONDS = 1.0
_COMMAND = "from gateway.store.sqlite.process import serve; serve()"


class _Start(msgspec.Struct, frozen=True, kw_only=True):
    engine: EngineSettings
    keys: bytes


class _Group(msgspec.Struct, frozen=True):
    name: str
    at: int
    units: Sequence[Unit]


class _Fault(msgspec.Struct, frozen=True, kw_only=True, tag="fault"):
    kind: str
    code: str
    message: str
    next_step: str
    statement: str = ""
    expected: int = -1
    got: int = -1


class _Done(msgspec.Struct, frozen=True, tag="done"):
    committed: Committed


class _Reply(msgspec.Struct, frozen=True):
    outcomes: list[_Done | _Fault] = []
    fault: _Fault | None = None
    last_group: str = ""
    """On start: which group was committed last."""


class ProcessWriter:
    """A writer whose engine lives in a child process, which ends with this one.

    The child inherits the store's lock: when this process is killed, the lock is free once the
    child has finished its last commit and seen the socket close.
    """

    def __init__(self, settings: EngineSettings, keys: KeyRing, *, lock_descriptor: int) -> None:
        self._settings = settings
        self._keys = keys
        self._lock = lock_descriptor
        self._replies = msgspec.msgpack.Decoder(_Reply)
        self._encoder = msgspec.msgpack.Encoder()
        self._name = os.urandom(8).hex()
        self._groups = 0
        self._child: subprocess.Popen[bytes] | None = None
        self._pipe: Connection | None = None
        self._start()

    def apply(self, units: Sequence[Unit], *, at: int) -> list[Outcome]:
        """Write the group in the child, which says what will be and then that it is. A child that
        was lost is started again; it knows whether the group was committed."""
        if self._pipe is None:
            self._start()
        self._groups += 1
        name = f"{self._name}-{self._groups}"
        try:
            message = self._encoder.encode(_Group(name, at, units))
        except _ENCODE_ERRORS:
            return self._apply_encodable(units, at=at)
        reply = self._ask(message)
        try:
            self._hear()
        except StoreUnavailable:
            if self._pipe is not None or self._start() != name:
                raise
        return [
            one.committed if isinstance(one, _Done) else _error_from(one) for one in reply.outcomes
        ]

    def close(self) -> None:
        """Close the socket; the child closes the database and ends."""
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None
        if self._child is not None:
            self._child.wait()

    def _apply_encodable(self, units: Sequence[Unit], *, at: int) -> list[Outcome]:
        """Write what can be sent; a unit with a foreign type in it fails alone."""
        foreign = [self._foreign(unit) for unit in units]
        sent = [unit for unit, fault in zip(units, foreign, strict=True) if fault is None]
        written = iter(self.apply(sent, at=at) if sent else ())
        return [next(written) if fault is None else fault for fault in foreign]

    def _foreign(self, unit: Unit) -> UsageFault | None:
        for statement in unit.statements:
            try:
                self._encoder.encode(statement)
            except _ENCODE_ERRORS as error:
                return statement_fault(error, statement.name)
        try:
            self._encoder.encode(unit)
        except _ENCODE_ERRORS as error:
            return statement_fault(error, "counts or audit")
        return None

    def _start(self) -> str:
        """Start a child; return the name of the group that was committed last."""
        ours, theirs = socket.socketpair()
        with theirs:
            self._child = subprocess.Popen(  # noqa: S603  our own interpreter and module
                [sys.executable, "-c", _COMMAND, str(theirs.fileno())],
                pass_fds=(theirs.fileno(), self._lock),
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                stdin=subprocess.DEVNULL,
            )
        self._pipe = Connection(ours.detach())
        start = _Start(engine=self._settings, keys=self._keys.to_bytes())
        try:
            return self._ask(self._encoder.encode(start)).last_group
        except HubError:
            self.close()
            raise

    def _ask(self, message: bytes) -> _Reply:
        pipe = self._pipe
        if pipe is None:
            raise _lost()
        try:
            pipe.send_bytes(message)
        except OSError as error:
            self.close()
            raise _lost() from error
        return self._hear()

    def _hear(self) -> _Reply:
        pipe = self._pipe
        if pipe is None:
            raise _lost()
        try:
            reply = self._replies.decode(pipe.recv_bytes())
        except (EOFError, OSError) as error:
            self.close()
            raise _lost() from error
        if reply.fault is not None:
            raise _error_from(reply.fault)
        return reply


def serve() -> None:
    """Be the child: open the database, write groups until the socket closes.

    Signals meant for the hub reach the whole process group; the hub decides when this ends.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    keep_large_blocks()
    parent = os.getppid()
    encode = msgspec.msgpack.Encoder().encode
    groups = msgspec.msgpack.Decoder(_Group)
    with Connection(int(sys.argv[1])) as pipe, contextlib.suppress(EOFError, OSError):
        start = msgspec.msgpack.decode(pipe.recv_bytes(), type=_Start)
        try:
            engine = Engine(start.engine, KeyRing.from_bytes(start.keys))
        except HubError as error:
            pipe.send_bytes(encode(_Reply(fault=_told(error))))
            return
        pipe.send_bytes(encode(_Reply(last_group=engine.last_group())))

        def tell(outcomes: list[Outcome]) -> None:
            told = [_Done(one) if isinstance(one, Committed) else _told(one) for one in outcomes]
            pipe.send_bytes(encode(_Reply(told)))

        with contextlib.closing(engine):
            while _has_work(pipe, parent):
                group = groups.decode(pipe.recv_bytes())
                pipe.send_bytes(encode(_commit(engine, group, tell)))


def _has_work(pipe: Connection, parent: int) -> bool:
    """Wait for a group; False when the hub is gone but something else keeps the socket open."""
    while not pipe.poll(_PARENT_CHECK_SECONDS):
        if os.getppid() != parent:
            return False
    return True


def _commit(engine: Engine, group: _Group, tell: Callable[[list[Outcome]], None]) -> _Reply:
    try:
        engine.apply(group.units, at=group.at, group=group.name, told=tell)
    except HubError as error:
        return _Reply(fault=_told(error))
    except Exception as error:
        return _Reply(fault=_told(StorageFault(f"The writer failed ({type(error).__name__}).")))
    return _Reply()


def _told(error: HubError) -> _Fault:
    fault = _Fault(
        kind=type(error).__name__,
        code=error.code,
        message=error.message,
        next_step=error.next_step,
    )
    if isinstance(error, UnitConflict):
        return msgspec.structs.replace(
            fault, statement=error.statement, expected=error.expected, got=error.got
        )
    return fault


def _error_from(fault: _Fault) -> HubError:
    if fault.kind == UnitConflict.__name__:
        reason = fault.message.partition(": ")[2].removesuffix(".")
        return UnitConflict(fault.statement, expected=fault.expected, got=fault.got, reason=reason)
    kinds = {kind.__name__: kind for kind in (StoreUnavailable, UsageFault)}
    kind = kinds.get(fault.kind, StorageFault)
    return kind(fault.message, code=fault.code, next_step=fault.next_step)


def _lost() -> StoreUnavailable:
    return StoreUnavailable(
        "The store's writer process ended; nothing of what it was given was written.",
        code="writer_lost",
        next_step="nothing: another is started, and units are offered again.",
    )
