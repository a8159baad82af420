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
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, TypeVar

__all__ = ["Crashed", "Deadlock", "Process", "VirtualLoop", "running_process"]

T = TypeVar("T")

_DISPOSALS = 50
"""How often a coroutine that refuses to end is asked again."""


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
        self._held: list[events.Handle] = []
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

    def hold(self, handle: events.Handle) -> None:
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


class _NoSelector(selectors.SelectSelector):
    """Watches nothing; waiting is what makes time pass."""

    loop: "VirtualLoop"

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Let `timeout` virtual seconds pass."""
        if timeout is None:
            raise Deadlock("nothing is scheduled and somebody waits")
        if timeout > 0:
            self.loop.pass_time(timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """The event loop of one simulated world; use `run` once, then `dispose`."""

    def __init__(self) -> None:
        self._virtual = 0.0
        selector = _NoSelector()
        super().__init__(selector)
        selector.loop = self
        self._clock_resolution = 1e-9
        self._ready: Any
        self._started: list[asyncio.Task[Any]] = []
        self.set_task_factory(self._make_task)
        self.set_exception_handler(lambda _loop, _context: None)

    def time(self) -> float:
        """Return the virtual seconds since the beginning."""
        return self._virtual

    def pass_time(self, seconds: float) -> None:
        """Let virtual time pass."""
        self._virtual += seconds

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
        if context is None:
            context = contextvars.copy_context()
        process = context.get(_process)
        if process is None:
            return super().call_soon(callback, *args, context=context)
        if process.alive and not process.standing:
            return super().call_soon(self._fire, callback, args, context, context=context)
        handle = events.Handle(callback, args, self, context)
        if process.alive:
            process.hold(handle)
        return handle

    def call_at(  # type: ignore[override]  # typeshed's variadic generics
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> events.TimerHandle:
        """Run it at that time, by the same rules."""
        if context is None:
            context = contextvars.copy_context()
        if context.get(_process) is None:
            return super().call_at(when, callback, *args, context=context)
        return super().call_at(when, self._fire, callback, args, context, context=context)

    def _fire(
        self, callback: Callable[..., object], args: Any, context: contextvars.Context
    ) -> None:
        process = context.get(_process)
        if process is not None and process.standing:
            self.call_soon(callback, *args, context=context)
        elif process is None or process.alive:
            callback(*args)

    def run_held(self, handles: list[events.Handle]) -> None:
        """Run next what was held up, in its order."""
        self._ready.extend(handle for handle in handles if not handle.cancelled())

    def _make_task(
        self,
        loop: asyncio.AbstractEventLoop,
        coroutine: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(coroutine, loop=loop, context=context)
        self._started.append(task)
        if len(self._started) > 5000:
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


def _end(coroutine: Any) -> None:
    for _ in range(_DISPOSALS):
        try:
            coroutine.close()
        except BaseException:  # noqa: S112 - it waits in a `finally`: asked again
            continue
        return
