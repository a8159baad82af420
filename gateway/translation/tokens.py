"""Cuts the text of an expression into tokens, within the bounds of the language."""

import re
from typing import Final

import msgspec

from gateway.translation.errors import MappingError, Rule
from gateway.translation.limits import (
    MAX_EXPRESSION_CHARACTERS,
    MAX_EXPRESSION_TOKENS,
    MAX_LITERAL_CHARACTERS,
    MAX_NAME_CHARACTERS,
    MAX_NUMBER_DIGITS,
)

__all__ = ["KEYWORDS", "Token", "tokenize"]

KEYWORDS: Final = frozenset({"and", "else", "false", "for", "if", "in", "not", "or", "true"})

_TOKEN: Final = re.compile(
    r"""\s*(?:
      (?P<number>[0-9]+(?:\.[0-9]+)?(?![A-Za-z0-9_.]))
    | (?P<name>[A-Za-z][A-Za-z0-9_]*)
    | `(?P<quoted>[^`\n]+)`
    | "(?P<double>(?:[^"\\\n]|\\.)*)"
    | '(?P<single>(?:[^'\\\n]|\\.)*)'
    | (?P<operator>\?\?|==|!=|<=|>=|[-+*/<>().,?\[\]])
    )""",
    re.VERBOSE,
)
_ESCAPE: Final = re.compile(r"\\(.)")
_ESCAPES: Final = {"\\": "\\", '"': '"', "'": "'", "n": "\n", "t": "\t"}


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """One token: kind is `number`, `name`, `keyword`, `quoted`, `text`, `operator` or `end`."""

    kind: str
    text: str
    column: int


def _unescape(text: str, column: int) -> str:
    def one(match: re.Match[str]) -> str:
        try:
            return _ESCAPES[match[1]]
        except KeyError:
            raise MappingError(
                Rule.SYNTAX, f"unknown escape in a text at column {column}"
            ) from None

    return _ESCAPE.sub(one, text)


def _token(match: re.Match[str], column: int) -> Token:
    kind = str(match.lastgroup)
    text = match[kind]
    if kind in {"double", "single"}:
        if len(text) > MAX_LITERAL_CHARACTERS:
            raise MappingError(Rule.TOO_LARGE, f"text literal too long at column {column}")
        return Token(kind="text", text=_unescape(text, column), column=column)
    if kind == "number" and len(text) > MAX_NUMBER_DIGITS:
        raise MappingError(Rule.TOO_LARGE, f"number literal too long at column {column}")
    if kind in {"name", "quoted"} and len(text) > MAX_NAME_CHARACTERS:
        raise MappingError(Rule.TOO_LARGE, f"name too long at column {column}")
    if kind == "name" and text in KEYWORDS:
        kind = "keyword"
    return Token(kind=kind, text=text, column=column)


def tokenize(text: str) -> list[Token]:
    """Cut `text`; the last token has kind `end`.

    Raises MappingError (SYNTAX, TOO_LARGE) without file and line; the caller knows those.
    """
    if len(text) > MAX_EXPRESSION_CHARACTERS:
        raise MappingError(Rule.TOO_LARGE, "expression too long")
    tokens: list[Token] = []
    position = 0
    end = len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            column = position + len(text[position:]) - len(text[position:].lstrip()) + 1
            raise MappingError(Rule.SYNTAX, f"unexpected character at column {column}")
        tokens.append(_token(match, match.start(str(match.lastgroup)) + 1))
        position = match.end()
        if len(tokens) > MAX_EXPRESSION_TOKENS:
            raise MappingError(Rule.TOO_LARGE, "expression has too many parts")
    tokens.append(Token(kind="end", text="", column=end + 1))
    return tokens
