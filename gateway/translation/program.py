"""A compiled function and what is needed to run it: budget, exact decimals, told failures."""

from collections.abc import Callable, Mapping
from decimal import Decimal, getcontext, setcontext
from types import TracebackType
from typing import Any, Final

from gateway.translation.emitter import Emitter, Site
from gateway.translation.errors import MappingError, Rule, RunCode
from gateway.translation.functions import hash_id
from gateway.translation.kinds import Origin
from gateway.translation.limits import MAX_INTEGER, Limits
from gateway.translation.numbers import (
    EXACT,
    Refused,
    decimal_number,
    decimal_text,
    money_text,
    round_places,
    round_quotient,
    to_decimal,
)

__all__ = ["Failure", "Program", "pointer_of", "without"]

_CHECK_EVERY: Final = 1_000
_FILE: Final = "<mapping>"

Trace = Callable[[int, dict[str, Any], Any], None]


class _Bad(Exception):
    """Raised by generated code where a value is not what it must be; the line says what."""


class Failure(Exception):
    """A run that failed: code and places, nothing of the document."""

    def __init__(self, code: str, line: int, target: str, source: str) -> None:
        super().__init__(code)
        self.code = code
        self.line = line
        self.target = target
        self.source = source


def _escape(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1")


def pointer_of(origin: Origin, names: Mapping[str, Any]) -> str:
    """Write a place as a JSON Pointer, its array indexes read from a program's variables.

    An index that is not known there is written `*`.
    """
    parts: list[str] = []
    for part in origin:
        if isinstance(part, str):
            parts.append(_escape(part))
            continue
        items = names.get(part.items)
        if not part.item:
            parts.append(str(len(items)) if isinstance(items, list) else "*")
            continue
        item = names.get(part.item)
        found = "*"
        for index, candidate in enumerate(items if isinstance(items, list) else ()):
            if candidate is item:
                found = str(index)
                break
        parts.append(found)
    return "".join(f"/{part}" for part in parts)


def _present(document: Any, pointer: str) -> bool:
    here = document
    for raw in pointer.split("/")[1:]:
        part = raw.replace("~1", "/").replace("~0", "~")
        if isinstance(here, dict):
            here = here.get(part)
        elif isinstance(here, list) and part.isdigit() and int(part) < len(here):
            here = here[int(part)]
        elif here is not None:
            return True  # a step into a value that has no inside: present, of a wrong kind
        if here is None:
            return False
    return True


def _weigh(value: Any) -> int:
    match value:
        case str():
            return len(value) + 2
        case dict():
            return 2 + sum(len(key) + 4 + _weigh(item) for key, item in value.items())
        case list():
            return 2 + sum(1 + _weigh(item) for item in value)
        case _:
            return 8


def _items(value: Any) -> int:
    match value:
        case dict():
            return sum(_items(item) for item in value.values())
        case list():
            return len(value) + sum(_items(item) for item in value)
        case _:
            return 0


def without(value: Any, path: tuple[str, ...]) -> Any:
    """Return a copy of `value` without what lies at `path`; `name[]` goes into each item."""
    if not isinstance(value, dict):
        return value
    name = path[0].removesuffix("[]")
    if name not in value:
        return value
    if len(path) == 1:
        return {key: item for key, item in value.items() if key != name}
    inner = value[name]
    if path[0].endswith("[]"):
        items = inner if isinstance(inner, list) else []
        return {**value, name: [without(item, path[1:]) for item in items]}
    return {**value, name: without(inner, path[1:])}


_RUNTIME: Final[dict[str, Any]] = {
    "__builtins__": {},
    "AttributeError": AttributeError,
    "Bad": _Bad,
    "D": Decimal,
    "INTEGERS": MAX_INTEGER,
    "ZERO": Decimal("0.00"),
    "abs": abs,
    "bool": bool,
    "decimal_number": decimal_number,
    "decimal_text": decimal_text,
    "dict": dict,
    "float": float,
    "hash_id": hash_id,
    "int": int,
    "len": len,
    "list": list,
    "locals": locals,
    "max": max,
    "min": min,
    "money_text": money_text,
    "round_places": round_places,
    "round_quotient": round_quotient,
    "str": str,
    "to_decimal": to_decimal,
    "weigh": _weigh,
    "without": without,
}


def _next_mark(steps: int) -> int:
    """Return at how many steps left the budget is looked at again."""
    return steps - min(_CHECK_EVERY, steps // 2 + 1)


class Program:
    """One generated function. Pure: the same document and context give the same result."""

    def __init__(self, emitter: Emitter, limits: Limits) -> None:
        header = "def program(doc, ctx, tick, trace, steps, mark, used=0):"
        self.text, self.sites = emitter.program(header)
        self.limits = limits
        names = {**_RUNTIME, **emitter.constants}
        # The text is ours: names, literals by repr() and a closed set of operators.
        try:
            exec(compile(self.text, _FILE, "exec"), names)  # noqa: S102  # generated, see above
        except (SyntaxError, RecursionError, MemoryError):
            raise MappingError(Rule.TOO_LARGE, "too much within each other") from None
        self._run: Callable[..., Any] = names["program"]
        self._mark = _next_mark(limits.steps)

    def run(self, document: Any, context: Mapping[str, Any], trace: Trace | None = None) -> Any:
        """Run once. Raises Failure with code and places."""
        before = getcontext()
        setcontext(EXACT)
        try:
            tick = self._tick(document)
            return self._run(document, context, tick, trace, self.limits.steps, self._mark)
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            failure = self._failure(error, document, None)
        except _Bad as error:
            failure = self._failure(error, document, None)
        except Refused as error:
            failure = self._failure(error, document, str(error.code))
        finally:
            setcontext(before)
        raise failure

    def _tick(self, document: Any) -> Callable[[int, int], int]:
        limits = self.limits
        watch = limits.monotonic
        end = watch() + limits.seconds if watch is not None else 0.0
        least, counted = max(0, limits.steps - limits.free_steps), False

        def tick(steps: int, used: int) -> int:
            nonlocal least, counted
            if steps < least and not counted:
                least, counted = max(0, least - _items(document) * limits.steps_per_item), True
            if steps < least:
                raise Refused(RunCode.LIMIT_STEPS)
            if used > limits.output_bytes:
                raise Refused(RunCode.LIMIT_OUTPUT)
            if watch is not None and watch() > end:
                raise Refused(RunCode.LIMIT_TIME)
            return _next_mark(steps)

        return tick

    def _failure(self, error: Exception, document: Any, code: str | None) -> Failure:
        number, names = _place(error.__traceback__)
        site = self.sites.get(number)
        if site is None:
            return Failure(code or RunCode.VALUE_REFUSED, 1, "", "")
        source = "" if site.source is None else pointer_of(site.source, names)
        if code is None:
            code = self._code(error, site, document, source)
        return Failure(str(code), site.line, pointer_of(site.target, names), source)

    def _code(self, error: Exception, site: Site, document: Any, source: str) -> str:
        if site.code is not None:
            return str(site.code)
        if source and not _present(document, source):
            return RunCode.PATH_ABSENT
        if isinstance(error, ArithmeticError) and site.source is None:
            return RunCode.DECIMAL_SIZE
        return RunCode.VALUE_TYPE


def _place(traceback: TracebackType | None) -> tuple[int, dict[str, Any]]:
    """Return the line of the generated function that failed, and its variables there."""
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == _FILE:
            return traceback.tb_lineno, traceback.tb_frame.f_locals
        traceback = traceback.tb_next
    return 0, {}
