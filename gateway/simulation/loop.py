"""Virtual time: an event loop that jumps to the next timer, and processes that crash or stand still.

Nothing waits for real: where no callback is ready, time jumps to the next timer; where there is
none either, everybody waits for nobody, which is an error. What an executor is given runs at once.

Whatever a process has started carries the process in its context. A process that has crashed runs
nothing any more, not even a `finally`; one that stands still runs it all later, as after a SIGSTOP.
"""

import asyncio
import contextvars
import selectors
import warnings
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from heapq import heappop, heappush
from typing import Any, TypeVar

__all__ = ["Crashed", "Deadlock", "Process", "VirtualLoop", "running_process"]

T = TypeVar("T")

_DISPOSALS = 50
"""How often a coroutine that refuses to end is asked again."""

_SAME_TIME_SECONDS = 1e-9
"""Timers so close to each other run in one turn."""

_TASKS_KNOWN = 5000
"""So many, and those that are done are forgotten."""


class Deadlock(RuntimeError):
    """Everybody waits and nothing will ever happen."""


class Crashed(BaseException):
    """The process this was raised in has crashed; its last step must unwind without effect."""


_process: contextvars.ContextVar["Process | None"] = contextvars.ContextVar(
    "simulated_process", default=None
)


def running_process() -> "Process | None":
    """Return the process whose step runs now, None for the world itself."""
    return _process.get()


class Process:
    """One incarnation of a simulated process."""

    def __init__(self, name: str, loop: "VirtualLoop") -> None:
        self.name = name
        self.alive = True
        self.standing = False
        self.context = contextvars.copy_context()
        self.context.run(_process.set, self)
        self._loop = loop
        self._held: list[_Handle] = []
        self._calls: set[asyncio.Future[Any]] = set()

    async def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run something in the process and return what it returns. Raises Crashed where the
        process ends before that. Who is cancelled while waiting cancels it too."""
        if not self.alive:
            coroutine.close()
            raise Crashed
        loop = self._loop
        answer: asyncio.Future[T] = loop.create_future()
        self._calls.add(answer)
        task = loop.create_task(coroutine, context=self.context)

        def done(ended: asyncio.Task[T]) -> None:
            if not answer.done():
                _pass_on(ended, answer)

        task.add_done_callback(done, context=contextvars.copy_context())
        try:
            return await answer
        except asyncio.CancelledError:
            task.cancel()
            raise
        finally:
            self._calls.discard(answer)

    def crash(self) -> None:
        """End here and now: nothing of the process runs any more."""
        if not self.alive:
            return
        self.alive = False
        self._held.clear()
        for answer in list(self._calls):
            if not answer.done():
                answer.set_exception(Crashed())

    def stand(self) -> None:
        """Run nothing until `go_on`: the process does not notice that time passes."""
        self.standing = True

    def go_on(self) -> None:
        """Run what has been held up."""
        self.standing = False
        held, self._held = self._held, []
        if self.alive:
            self._loop.run_held(held)

    def hold(self, handle: "_Handle") -> None:
        """Keep a callback until the process goes on."""
        self._held.append(handle)


def _pass_on(ended: "asyncio.Task[T]", answer: "asyncio.Future[T]") -> None:
    if ended.cancelled():
        answer.cancel()
        return
    error = ended.exception()
    if error is None:
        answer.set_result(ended.result())
    else:
        answer.set_exception(error)


class _Handle(events.Handle):
    """One callback, and the process whose step it is. Cheaper to make than asyncio's."""

    __slots__ = ("process",)

    def __init__(
        self,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        loop: "VirtualLoop",
        context: contextvars.Context | None,
    ) -> None:
        if context is None:
            context = contextvars.copy_context()
        self._context = context
        self._callback = callback
        self._args = args
        self._loop = loop
        self._cancelled = False
        self._repr = self._source_traceback = None
        self.process: Process | None = context.get(_process)


class _Timer(_Handle):
    __slots__ = ("at",)

    at: float

    def when(self) -> float:
        """Return when it runs."""
        return self.at


class VirtualLoop(asyncio.SelectorEventLoop):
    """The event loop of one simulated world; use `run` once, then `dispose`."""

    def __init__(self) -> None:
        self._virtual = 0.0
        super().__init__(selectors.SelectSelector())
        self._ready: deque[_Handle] = deque()
        self._timers: list[tuple[float, int, _Timer]] = []
        """A heap; of two at the same time the first made is the first to run."""
        self._timers_made = 0
        self._stopping: bool
        self._started: list[asyncio.Task[Any]] = []
        self.set_exception_handler(lambda _loop, _context: None)

    def time(self) -> float:
        """Return the virtual seconds since the beginning."""
        return self._virtual

    def run_in_executor(  # type: ignore[override]  # a future is awaitable all the same
        self, executor: Executor | None, func: Callable[..., T], *args: Any
    ) -> "asyncio.Future[T]":
        """Run it at once, unless the process that asks has crashed."""
        del executor
        future: asyncio.Future[T] = self.create_future()
        process = _process.get()
        if process is not None and not process.alive:
            return future
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future

    def call_soon(  # type: ignore[override]  # typeshed's variadic generics
        self,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> events.Handle:
        """Run it next: later where its process stands still, never where it has crashed."""
        self._check_closed()  # type: ignore[attr-defined]  # what is disposed of begins nothing
        handle = _Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    call_soon_threadsafe = call_soon  # type: ignore[assignment]  # there is one thread

    def call_at(  # type: ignore[override]  # typeshed's variadic generics
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> events.TimerHandle:
        """Run it at that time, by the same rules."""
        self._check_closed()  # type: ignore[attr-defined]  # as above
        handle = _Timer(callback, args, self, context)
        handle.at = when
        self._timers_made += 1
        heappush(self._timers, (when, self._timers_made, handle))
        return handle  # type: ignore[return-value]  # it has what a TimerHandle has

    def call_later(  # type: ignore[override]  # typeshed's variadic generics
        self,
        delay: float,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> events.TimerHandle:
        """Run it after so many seconds, by the same rules."""
        return self.call_at(self._virtual + delay, callback, *args, context=context)

    def _run_once(self) -> None:
        """Do what asyncio's does, with nothing to watch: waiting is what makes time pass."""
        ready, timers = self._ready, self._timers
        while timers and timers[0][2]._cancelled:  # noqa: SLF001 - asyncio's own word for it
            heappop(timers)
        if not (ready or self._stopping):
            if not timers:
                raise Deadlock("nothing is scheduled and somebody waits")
            self._virtual = max(self._virtual, timers[0][0])
        until = self._virtual + _SAME_TIME_SECONDS
        while timers and timers[0][0] < until:
            ready.append(heappop(timers)[2])
        for _ in range(len(ready)):
            _run(ready.popleft())

    def run_held(self, handles: "list[_Handle]") -> None:
        """Run next what was held up, in its order."""
        self._ready.extend(handles)

    def create_task(  # type: ignore[override]  # typeshed wants a name of its own
        self,
        coro: Coroutine[Any, Any, T],
        *,
        name: str | None = None,
        context: contextvars.Context | None = None,
    ) -> "asyncio.Task[T]":
        """Start a task, and know of it until it is done."""
        self._check_closed()  # type: ignore[attr-defined]  # as above
        task = asyncio.Task(coro, loop=self, name=name, context=context)
        self._started.append(task)
        if len(self._started) > _TASKS_KNOWN:
            self._started = [task for task in self._started if not task.done()]
        return task

    def dispose(self) -> None:
        """End whatever still waits, without letting it do anything, and close the loop."""
        self.close()
        with warnings.catch_warnings():
            # What a `finally` would still begin finds the loop closed.
            warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
            for task in self._started:
                if not task.done():
                    task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001 - asyncio has no other word for "on purpose"
                    _end(task.get_coro())
            self._started.clear()


def _run(handle: _Handle) -> None:
    process = handle.process
    if process is not None and (process.standing or not process.alive):
        if process.alive:
            process.hold(handle)
        return
    if handle._cancelled:  # noqa: SLF001 - it is ours
        return
    try:
        handle._context.run(handle._callback, *handle._args)  # noqa: SLF001 - as above
    except (SystemExit, KeyboardInterrupt):
        raise
    except BaseException:  # noqa: S110 - a step of a process that has crashed; nobody is there to hear
        pass


def _end(coroutine: Any) -> None:
    for _ in range(_DISPOSALS):
        try:
            coroutine.close()
        except BaseException:  # noqa: S112 - it waits in a `finally`: asked again
            continue
        return
