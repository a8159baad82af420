"""Reads an answer and judges it: success, or which class of failure (pure functions)."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec
from msgspec import UNSET

from connectors.base import Failure
from connectors.http import Answer
from connectors.http_api.settings import Condition, ErrorClass, ErrorRule, When
from connectors.http_api.template import MISSING, find, number_of, text_of
from connectors.retry_after import retry_after_seconds

__all__ = ["Judgement", "Reading", "holds", "judge", "read_answer"]

MAX_DEPTH = 100
"""Arrays and objects within each other in an answer; validators and encoders behind us have
limits of their own, and must not meet them once the effect is there."""
_DECODER = msgspec.json.Decoder(float_hook=str)
"""Numbers with a fraction stay the text the partner wrote: no float may touch an amount."""
_SHORT_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,39}")
_REDIRECTS = (301, 302, 307, 308)
_OVERLOADED = (408, 421, 423, 425, 503)
"""Statuses by which a server says that it did not do what was asked (RFC 9110, 4918, 8470)."""
_UNSUPPORTED = (501, 505, 511)
_CONFLICT = 409
_NO_ENTRY = (401, 403, 407, 410)


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """An answer, read. `body` is MISSING where it is no JSON, None where there is none."""

    status: int
    headers: dict[str, str]
    media_type: str
    body: Any
    readable: bool
    """False where the partner says JSON and the bytes are none."""


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer that is not a plain success means. No payload value but sealed `words`."""

    class_: ErrorClass
    code: str
    detail: str = ""
    retry_after_seconds: float | None = None
    external_id: str = ""
    words: Any = None
    conflict: bool = False

    @property
    def failure(self) -> Failure:
        """The failure class; DESTINATION for what is `unknown` or `duplicate`."""
        return _FAILURES.get(self.class_, Failure.DESTINATION)


_FAILURES: dict[str, Failure] = {
    "message": Failure.MESSAGE,
    "destination": Failure.DESTINATION,
    "credential": Failure.CREDENTIAL,
    "throttled": Failure.THROTTLED,
}


def read_answer(answer: Answer) -> Reading:
    """Decode the body where it is JSON. A body without a media type, or of plain text, is tried."""
    media_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    says_json = media_type.endswith(("/json", "+json"))
    body: Any = None
    readable = True
    if answer.body.strip():
        body = _decoded(answer.body)
        readable = body is not MISSING or not says_json
    return Reading(
        status=answer.status,
        headers=answer.headers,
        media_type=media_type,
        body=body,
        readable=readable,
    )


def _decoded(raw: bytes) -> Any:
    """Return the JSON, or MISSING where it is none or nests deeper than anybody could mean."""
    try:
        body = _DECODER.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return MISSING
    openings = raw.count(b"[") + raw.count(b"{")
    return MISSING if openings > MAX_DEPTH and _too_deep(body) else body


def _too_deep(body: Any) -> bool:
    level = [body]
    for _ in range(MAX_DEPTH):
        level = [child for value in level for child in _children(value)]
        if not level:
            return False
    return True


def _children(value: Any) -> Iterable[Any]:
    match value:
        case dict():
            return value.values()
        case list():
            return value
        case _:
            return ()


def judge(
    reading: Reading,
    rules: Sequence[ErrorRule],
    *,
    step: str,
    expects: Literal["json", "any"],
    now: datetime,
) -> Judgement | None:
    """Return what the answer means, or None for a success.

    The first fitting rule of the settings decides, then the built-in ones (guides: default
    delivery policy): 4xx is the message's fault, 401 403 407 410 the credential's, 429 asks for
    fewer calls, 408 421 423 425 501 503 say that nothing was done. Any other 5xx is unknown: it
    is also what a gateway says when the system behind it has finished and it did not hear so.
    """
    for rule in rules:
        if _fits(rule.when, reading, step):
            return _by_rule(rule, reading, step, now)
    if 200 <= reading.status < 300:
        return _unreadable_success(reading, step) if expects == "json" else None
    class_ = _class_of(reading)
    return Judgement(
        class_=class_,
        code=f"http_{reading.status}",
        detail=f"step {step}",
        retry_after_seconds=retry_after_seconds(reading.headers, now),
        words=_words(reading, "") if class_ == "message" else None,
        conflict=reading.status == _CONFLICT,
    )


def holds(condition: str | Condition, scope: Any) -> bool:
    """Test a value of the scope. A bare path asks for something: not absent, null, false, empty."""
    if isinstance(condition, str):
        value = find(scope, condition)
        return value is not MISSING and value not in (None, False, "", [], {})
    value = find(scope, condition.path)
    there = value is not MISSING and value is not None
    if condition.exists is not UNSET and condition.exists != there:
        return False
    if condition.equals is not UNSET and not _same(value, condition.equals):
        return False
    if condition.in_ is not UNSET and not any(_same(value, item) for item in condition.in_):
        return False
    if condition.differs_from is not UNSET and not _differs(scope, value, condition.differs_from):
        return False
    tests = (condition.exists, condition.equals, condition.in_, condition.differs_from)
    return there if all(test is UNSET for test in tests) else True


def _differs(scope: Any, value: Any, path: str) -> bool:
    other = find(scope, path)
    there = all(one is not MISSING and one is not None for one in (value, other))
    return there and not _same(value, other)


def _same(value: Any, expected: Any) -> bool:
    if isinstance(expected, float):
        return bool(value == str(expected))
    return isinstance(value, bool) == isinstance(expected, bool) and bool(value == expected)


def _fits(when: When, reading: Reading, step: str) -> bool:
    tests = (
        not when.status or reading.status in when.status,
        when.status_range is UNSET
        or when.status_range[0] <= reading.status <= when.status_range[1],
        not when.content_type or reading.media_type == when.content_type.lower(),
        not when.step or step in when.step,
        when.body is UNSET or (reading.body is not MISSING and holds(when.body, reading.body)),
        _header_fits(when, reading),
    )
    return all(tests)


def _header_fits(when: When, reading: Reading) -> bool:
    if when.header is UNSET:
        return True
    value = reading.headers.get(when.header.name.lower())
    return value is not None and when.header.equals in (UNSET, value)


def _by_rule(rule: ErrorRule, reading: Reading, step: str, now: datetime) -> Judgement:
    detail = f"step {step}, HTTP {reading.status}"
    theirs = _short(find(reading.body, rule.code_path)) if rule.code_path else ""
    if theirs:
        detail += f", partner code {theirs}"
    wait = retry_after_seconds(reading.headers, now)
    return Judgement(
        class_=rule.class_,
        code=rule.code or f"http_{reading.status}",
        detail=detail,
        retry_after_seconds=rule.retry_after_seconds if wait is None else wait,
        external_id=number_of(_plain(find(reading.body, rule.external_id)))
        if rule.external_id
        else "",
        words=_words(reading, rule.message),
    )


def _short(value: Any) -> str:
    """Return a partner's error code, or nothing where it is not shaped like one."""
    text = _plain(value)
    return text if _SHORT_CODE.fullmatch(text) else ""


def _plain(value: Any) -> str:
    return text_of(value) if isinstance(value, (str, int)) else ""


def _words(reading: Reading, path: str) -> Any:
    if reading.body is MISSING:
        return None
    if not path:
        return reading.body
    value = find(reading.body, path)
    return reading.body if value is MISSING else {"message": value}


def _unreadable_success(reading: Reading, step: str) -> Judgement | None:
    if reading.body is not MISSING:
        return None
    code = "reply_not_json" if reading.readable else "reply_unreadable"
    return Judgement(class_="unknown", code=code, detail=f"step {step}, HTTP {reading.status}")


def _class_of(reading: Reading) -> ErrorClass:
    status = reading.status
    if status == 429:
        return "throttled"
    if status in _NO_ENTRY:
        return "credential"
    if status in _REDIRECTS or status in _OVERLOADED or status in _UNSUPPORTED:
        return "destination"
    if status == _CONFLICT and "retry-after" in reading.headers:
        return "unknown"  # another try with the same key is still under way at the partner
    return "message" if 400 <= status < 500 else "unknown"
