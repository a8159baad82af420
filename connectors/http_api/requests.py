"""Compiles the steps of an operation and renders their requests."""

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from msgspec import UNSET

from connectors.base import Document
from connectors.http import Request as HttpRequest
from connectors.http import Url, make_request, make_url
from connectors.http_api.settings import Request, Result, Step
from connectors.http_api.template import (
    MISSING,
    TemplateFault,
    compile_fields,
    compile_template,
    number_of,
    text_of,
)

__all__ = ["CompiledResult", "CompiledStep", "compile_result", "compile_step"]

_ENCODER = msgspec.json.Encoder(decimal_format="number")
_EXPRESSION = re.compile(r"\$\{([^{}]*)\}")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*")


class CompiledStep:
    """A step whose templates are compiled. Holds nothing of any call."""

    def __init__(self, step: Step, base_url: str, secret: Callable[[str], str]) -> None:
        self.id = step.id
        self.when = step.when
        self.unless = step.unless
        self.refuse = step.refuse
        self.expects = step.answer
        method = step.request.method
        self.writes = step.effect == "write" or (step.effect == "auto" and method != "GET")
        self.sets = {name: compile_template(text, secret) for name, text in step.set.items()}
        self._method = method
        self._url = _url(step.request, base_url, secret)
        self._headers = {
            name: compile_template(text, secret) for name, text in step.request.headers.items()
        }
        self._content_type = step.request.content_type
        body = step.request.body
        self._body = None if body is UNSET else compile_template(body, secret)

    def request(
        self,
        scope: Mapping[str, Any],
        document: Document,
        headers: Mapping[str, str],
        timeouts: dict[str, float],
    ) -> HttpRequest:
        """Render the request. `headers` give way to the step's own. Raises TemplateFault."""
        content = b"" if self._method == "GET" else self._content(scope, document)
        merged = {"Accept": "application/json", **headers}
        if content:
            merged["Content-Type"] = self._content_type
        for name, render in self._headers.items():
            merged[name] = _header_value(text_of(render(scope)), name)
        return make_request(
            self._method, self._url(scope), headers=merged, timeouts=timeouts, content=content
        )

    def _content(self, scope: Mapping[str, Any], document: Document) -> bytes:
        if self._body is not None:
            return _ENCODER.encode(self._body(scope))
        if self._method == "DELETE":
            return b""
        return document.raw if document.data is None else _ENCODER.encode(document.data)


class CompiledResult:
    """The templates of an operation's result."""

    def __init__(self, result: Result, secret: Callable[[str], str]) -> None:
        self.pending = result.pending
        self.poll_after_seconds = result.poll_after_seconds
        self._external_id = compile_template(result.external_id, secret)
        self._reply = None if result.reply is UNSET else compile_template(result.reply, secret)

    def external_id(self, scope: Mapping[str, Any]) -> str:
        """Return the partner's number, empty where the answers do not hold it."""
        try:
            return number_of(text_of(self._external_id(scope)))
        except TemplateFault:
            return ""

    def reply(self, scope: Mapping[str, Any], last_body: Any) -> Any:
        """Return the reply; where it cannot be rendered, the last answer's body as it is."""
        if self._reply is not None:
            try:
                return self._reply(scope)
            except TemplateFault:
                pass
        return None if last_body is MISSING else last_body


def compile_step(step: Step, base_url: str, secret: Callable[[str], str]) -> CompiledStep:
    """Compile a step. Raises ValueError naming the step, KeyError for a missing secret."""
    try:
        return CompiledStep(step, base_url, secret)
    except TemplateFault as fault:
        raise ValueError(f"step {step.id}: {fault}") from None


def compile_result(result: Result, secret: Callable[[str], str]) -> CompiledResult:
    """Compile a result. Raises ValueError, KeyError for a missing secret."""
    try:
        return CompiledResult(result, secret)
    except TemplateFault as fault:
        raise ValueError(f"result: {fault}") from None


def _url(
    request: Request, base_url: str, secret: Callable[[str], str]
) -> Callable[[Mapping[str, Any]], Url]:
    if "?" in request.path or "#" in request.path:
        raise TemplateFault("a path holds no query; use `query`")
    base = base_url.rstrip("/")
    path = "/" + request.path.lstrip("/") if request.path else ""
    if not request.query and "${" not in path:
        fixed = make_url(base + path)
        return lambda _scope: fixed
    encoded = _EXPRESSION.sub(lambda m: "${" + m[1].removesuffix("|url") + "|segment}", path)
    render = compile_template(encoded, secret)
    query = compile_fields(request.query, secret)

    def url(scope: Mapping[str, Any]) -> Url:
        made = text_of(render(scope)) if path else ""
        if any(segment in (".", "..") for segment in made.split("/")):
            raise TemplateFault("a path segment is a dot segment")
        pairs = _pairs(query(scope))
        return make_url(base + made + ("?" + urlencode(pairs, quote_via=quote) if pairs else ""))

    return url


def _pairs(query: dict[str, Any]) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for name, value in query.items():
        items = value if isinstance(value, list) else [value]
        pairs.extend((name, text_of(item)) for item in items)
    return pairs


def _header_value(value: str, name: str) -> str:
    if not _HEADER_VALUE.fullmatch(value):
        raise TemplateFault(f"header {name} cannot carry the value")
    return value
