"""Templates of requests: `${path|filter}` in texts, `$each` and `$apply` in structures.

A template is compiled once, when the connector is opened, to plain functions of a scope. There
is no evaluation of code: a path, a closed list of filters, and nothing else.
"""

import base64
import hashlib
import re
from collections.abc import Callable, Mapping
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import Any, Final
from urllib.parse import quote

import msgspec

from connectors.secret_text import secret_names, with_secrets

__all__ = [
    "FILTER_NAMES",
    "MISSING",
    "Render",
    "TemplateFault",
    "compile_fields",
    "compile_template",
    "find",
    "number_of",
    "text_of",
]

Render = Callable[[Mapping[str, Any]], Any]
"""A compiled template: scope (`in`, `key`, `steps`, names set so far, `item`) -> value."""


class _Marker:
    """A value that is not one."""


MISSING: Final = _Marker()
OMIT: Final = _Marker()
_NUMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._:/|#=+-]{0,99}")
_EXPRESSION = re.compile(r"\$\{([^{}]*)\}")
_COOKIE = re.compile(r"(?:^|,\s*)([^\s=;,]+)=([^;,]*)")
_DIGEST_SIZE = 52
"""Characters of a SHA-256 in base 32 (RFC 4648)."""
_EXACT = Context(prec=60, traps=[Inexact, InvalidOperation])
_ENCODER = msgspec.json.Encoder(decimal_format="number")


class TemplateFault(Exception):
    """A template cannot be compiled, or the scope lacks what it needs. Names places only."""


def find(scope: Any, path: str) -> Any:
    """Follow a dotted path (`steps.find.body.0.id`) through objects and arrays, else MISSING."""
    for name in path.split("."):
        if isinstance(scope, Mapping):
            scope = scope.get(name, MISSING)
        elif isinstance(scope, (list, tuple)) and name.isdecimal() and int(name) < len(scope):
            scope = scope[int(name)]
        else:
            return MISSING
    return scope


def text_of(value: Any) -> str:
    """Return a scalar as text. Raises TemplateFault for null, objects and arrays."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case Decimal():
            return format(value, "f")
        case int() | float():
            return str(value)
        case _:
            raise TemplateFault("a text cannot hold null, an object or an array")


def number_of(text: str) -> str:
    """Return a partner's document number, empty where the text is none.

    It is kept and shown in clear, so it must be short, of visible characters, and no sentence.
    """
    return text if _NUMBER.fullmatch(text) else ""


def compile_template(node: Any, secret: Callable[[str], str]) -> Render:
    """Compile a text or structure. Raises TemplateFault for what cannot be read, KeyError for a
    secret that is missing."""
    match node:
        case str():
            return _compile_text(node, secret)
        case dict():
            return _compile_object(node, secret)
        case list():
            return _array([compile_template(item, secret) for item in node])
        case _:
            return _constant(node)


def _compile_object(node: dict[Any, Any], secret: Callable[[str], str]) -> Render:
    match node:
        case {"$each": str(path), "do": body, **rest} if not rest:
            return _each(path, compile_template(body, secret))
        case {"$minus": [of, by], **rest} if not rest:
            return _minus(compile_template(of, secret), compile_template(by, secret))
        case {"$apply": str(name), "to": body, **rest} if not rest:
            return _applied(_filter(name), compile_template(body, secret), name)
    for key in node:
        if str(key).startswith("$"):
            raise TemplateFault(f"unknown directive {str(key)[:40]}")
    return compile_fields(node, secret)


def compile_fields(node: Mapping[Any, Any], secret: Callable[[str], str]) -> Render:
    """Compile the values of an object whose names are what they are (OData's `$filter`, say)."""
    return _object({str(k): compile_template(v, secret) for k, v in node.items()})


def _constant(value: Any) -> Render:
    return lambda _scope: value


def _compile_text(text: str, secret: Callable[[str], str]) -> Render:
    """A secret's value is put in as it is: an expression inside it is none. An error shows the
    text as written only."""
    _must_name_secrets(text)
    pieces = _EXPRESSION.split(text)
    if len(pieces) == 1:
        return _constant(text)
    if len(pieces) == 3 and not pieces[0] and not pieces[2]:
        return _piece(pieces[1], secret)
    parts: list[Render] = []
    for index, piece in enumerate(pieces):
        if index % 2:
            parts.append(_piece(piece, secret))
        elif piece:
            parts.append(_constant(piece))

    def render(scope: Mapping[str, Any]) -> str:
        values = [part(scope) for part in parts]
        try:
            return "".join("" if value is OMIT else text_of(value) for value in values)
        except TemplateFault as fault:
            raise TemplateFault(f"{text[:120]}: {fault}") from None

    return render


def _must_name_secrets(text: str) -> None:
    try:
        secret_names(text)
    except ValueError as fault:
        raise TemplateFault(str(fault)) from None


def _piece(source: str, secret: Callable[[str], str]) -> Render:
    written = "${" + source + "}"
    known = with_secrets(written, secret)
    return _expression(source) if known == written else _constant(known)


def _expression(source: str) -> Render:
    path, *names = (part.strip() for part in source.split("|"))
    filters = [_filter(name) for name in names]
    if not path:
        raise TemplateFault("an expression is empty")

    def render(scope: Mapping[str, Any]) -> Any:
        value = find(scope, path)
        for apply in filters:
            value = _guarded(apply, value, path)
        if value is MISSING:
            raise TemplateFault(f"{path} is not there")
        return value

    return render


def _guarded(apply: Callable[[Any], Any], value: Any, path: str) -> Any:
    try:
        return apply(value)
    except (TypeError, ValueError, InvalidOperation, TemplateFault):
        raise TemplateFault(f"{path} cannot be filtered") from None


def _each(path: str, body: Render) -> Render:
    def render(scope: Mapping[str, Any]) -> list[Any]:
        items = find(scope, path)
        if not isinstance(items, (list, tuple)):
            raise TemplateFault(f"{path} is not an array")
        made = [body({**scope, "item": item, "index": i}) for i, item in enumerate(items)]
        return [value for value in made if value is not OMIT]

    return render


def _applied(apply: Callable[[Any], Any], body: Render, name: str) -> Render:
    return lambda scope: _guarded(apply, body(scope), f"$apply {name}")


def _minus(of: Render, by: Render) -> Render:
    def render(scope: Mapping[str, Any]) -> str:
        try:
            return text_of(_EXACT.subtract(_number(of(scope)), _number(by(scope))))
        except (TypeError, ValueError, InvalidOperation, Inexact):
            raise TemplateFault("$minus needs two amounts") from None

    return render


def _object(parts: dict[str, Render]) -> Render:
    def render(scope: Mapping[str, Any]) -> dict[str, Any]:
        made = {key: part(scope) for key, part in parts.items()}
        return {key: value for key, value in made.items() if value is not OMIT}

    return render


def _array(parts: list[Render]) -> Render:
    def render(scope: Mapping[str, Any]) -> list[Any]:
        made = [part(scope) for part in parts]
        return [value for value in made if value is not OMIT]

    return render


def _b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _number(value: Any) -> Any:
    number = Decimal(text_of(value))
    if not number.is_finite():
        raise ValueError
    return number


def _segment(value: Any) -> str:
    text = text_of(value)
    if not text:
        raise ValueError
    return quote(text, safe="")


def _digest(value: Any, size: int) -> str:
    whole = base64.b32encode(hashlib.sha256(text_of(value).encode()).digest()).decode()
    return whole[:size]


def _cookie(value: Any) -> str:
    """Return the names and values that a `Set-Cookie` asks to send back (RFC 6265, 5.4)."""
    return "; ".join(f"{name}={text}" for name, text in _COOKIE.findall(text_of(value)))


_FILTERS: dict[str, Callable[[Any], Any]] = {
    "text": text_of,
    "number": _number,
    "upper": lambda value: text_of(value).upper(),
    "lower": lambda value: text_of(value).lower(),
    "trim": lambda value: text_of(value).strip(),
    "url": lambda value: quote(text_of(value), safe=""),
    "segment": _segment,
    "json": lambda value: _ENCODER.encode(value).decode(),
    "b64": lambda value: base64.b64encode(text_of(value).encode()).decode(),
    "b64url": lambda value: _b64url(text_of(value).encode()),
    "b64url_json": lambda value: _b64url(_ENCODER.encode(value)),
    "b64url_json_padded": lambda value: base64.urlsafe_b64encode(_ENCODER.encode(value)).decode(),
    "cookie": _cookie,
}
"""Filters without an argument; those with one, and `optional`, stand beside them."""
FILTER_NAMES = (*_FILTERS, "cut", "from", "digest", "default", "optional")


def _filter(source: str) -> Callable[[Any], Any]:
    name, _, argument = source.partition(":")
    match name:
        case "optional":
            return lambda value: OMIT if value is MISSING or value is None else value
        case "default":
            return lambda value: argument if value is MISSING or value is None else value
        case "cut" if argument.isdecimal():
            size = int(argument)
            return lambda value: value if value is MISSING else text_of(value)[:size]
        case "from" if argument.isdecimal():
            start = int(argument)
            return lambda value: value if value is MISSING else text_of(value)[start:]
        case "digest" if argument.isdecimal() and 0 < int(argument) <= _DIGEST_SIZE:
            length = int(argument)
            return lambda value: value if value is MISSING else _digest(value, length)
    known = _FILTERS.get(source)
    if known is None:
        raise TemplateFault(f"unknown filter {source[:40]}")
    return lambda value: value if value is MISSING or value is OMIT else known(value)
