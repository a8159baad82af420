"""Asks the hub's own validator: it has the last word on every witness."""

import base64
import json
from functools import lru_cache
from typing import Any

import jsonschema_rs

from gateway.governance.formats import FORMATS

__all__ = ["Engine", "format_holds", "pattern_found"]


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _is_base64_json(text: str) -> bool:
    try:
        return _is_json(base64.b64decode(text, validate=True).decode())
    except ValueError:
        return False


_FORMATS = {**FORMATS, "json-text": _is_json, "base64-json": _is_base64_json}
"""The hub's formats, and what drafts 06 and 07 assert of contents (see `drafts`)."""


class Engine:
    """A compiled schema, formats asserted. `fault` says why it does not compile, or ""."""

    def __init__(self, schema: Any) -> None:
        self.fault = ""
        self._validator: jsonschema_rs.Draft202012Validator | None = None
        try:
            self._validator = _compiled(schema)
        except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as why:
            self.fault = str(getattr(why, "message", why)).splitlines()[0]

    def accepts(self, document: Any) -> bool | None:
        """Tell whether the document is valid; None where the schema does not compile."""
        if self._validator is None:
            return None
        try:
            return self._validator.is_valid(document)
        except (ValueError, jsonschema_rs.ValidationError):
            return None


def _compiled(schema: Any) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(
        schema,
        formats=_FORMATS,
        validate_formats=True,
        ignore_unknown_formats=True,
        offline=True,
    )


@lru_cache(maxsize=256)
def _single(keyword: str, value: str) -> Engine:
    return Engine({keyword: value})


@lru_cache(maxsize=16384)
def format_holds(name: str, text: str) -> bool | None:
    """Tell whether a text has the format; None where nobody knows."""
    return _single("format", name).accepts(text)


@lru_cache(maxsize=16384)
def pattern_found(pattern: str, text: str) -> bool | None:
    """Tell whether the pattern finds something in the text; None where it does not compile."""
    return _single("pattern", pattern).accepts(text)
