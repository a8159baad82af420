"""What `remithub check` has against settings: credentials that stand there as they are, or nowhere."""

import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from connectors.secret_text import secret_names
from gateway.cli.product_checking import ConfigFault
from gateway.settings import Config, Secrets

__all__ = ["literal_secrets", "secret_references"]

_REFERENCE = re.compile(r"\$\{[^}]*\}")
_SCHEME = re.compile(r"(?i)(basic|bearer|token|apikey)?\s*")
_HEADER = re.compile(
    r"(?i)(?!.*[cx]srf)((proxy-)?authorization|cookie|.*(token|secret|password|api-?key))"
)
"""Headers that carry a credential; a token against forged requests (CSRF) is none."""

_USER = re.compile(r"(?i)[a-z][a-z0-9+.-]*://[^/?#@\s]*:[^/?#@\s]+@")
_KNOWN = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|\b(AKIA|ASIA)[A-Z0-9]{16}\b"
    r"|\bgh[pousr]_[A-Za-z0-9]{36}"
    r"|\bxox[abeprs]-[A-Za-z0-9-]{10}"
    r"|\b[rs]k_(live|test)_[A-Za-z0-9]{16}"
    r"|\bwhs(ec|k)_[A-Za-z0-9+/]{24}"
    r"|\brhk_[0-9a-z]+\.[A-Za-z0-9_-]{20}"
    r"|\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8}"
)
"""How keys of well-known makers, and ours, and signed tokens begin."""

_HEX = re.compile(r"[0-9a-f]{32,}|[0-9A-F]{32,}")
_MIXED = re.compile(r"(?=.*[a-z])(?=.*[A-Z])(?=(.*[0-9]){3})[A-Za-z0-9+=_-]{24,}")
_HEX_BITS, _MIXED_BITS = 3.2, 4.0
"""Bits that a character carries at least where it was drawn by chance."""

_PUBLIC = re.compile(r"\.(host_keys|thumbprints)\b")
"""Settings that look so by nature, and that everybody may know."""


def literal_secrets(config: Config) -> Iterator[ConfigFault]:
    """Yield texts that are, or look like, a credential: files of settings are kept and shown."""
    for name, file in config.files.items():
        for path, whole in _texts(file.tree.data, "$"):
            text = _REFERENCE.sub("", whole)
            if _is_credential(path, text):
                reason = "holds a credential as it is; say ${secret:NAME}"
                yield ConfigFault(config.place(name, path, f"'{path[2:]}' {reason}"))
            elif not _PUBLIC.search(path) and _is_random(text):
                reason = "looks like a credential; if it is one, say ${secret:NAME}"
                yield ConfigFault(config.place(name, path, f"'{path[2:]}' {reason}"), grave=False)


def secret_references(config: Config, secrets: Secrets) -> Iterator[ConfigFault]:
    """Yield what stands for no secret, and the secrets that are not there: on the machine that
    only checks, none may be."""
    for name, file in config.files.items():
        for path, text in _texts(file.tree.data, "$"):
            try:
                wanted = secret_names(text)
            except ValueError as fault:
                yield ConfigFault(config.place(name, path, f"'{path[2:]}': {fault}"))
                continue
            for one in wanted:
                try:
                    secrets(one)
                except KeyError:
                    reason = f"secret '{one}' is not set here"
                    yield ConfigFault(config.place(name, path, reason), grave=False)


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yield every text with its place."""
    match value:
        case dict():
            for name, inner in value.items():
                yield from _texts(inner, f"{path}.{name}")
        case list():
            for at, inner in enumerate(value):
                yield from _texts(inner, f"{path}[{at}]")
        case str():
            yield path, value


def _is_credential(path: str, text: str) -> bool:
    _, inside, header = path.rpartition(".headers.")
    if inside and _HEADER.fullmatch(header) and not _SCHEME.fullmatch(text):
        return True
    return bool(_KNOWN.search(text) or _USER.match(text))


def _is_random(text: str) -> bool:
    """Tell whether a text seems drawn by chance (Shannon's entropy of its characters)."""
    least = _HEX_BITS if _HEX.fullmatch(text) else _MIXED_BITS if _MIXED.fullmatch(text) else 0.0
    shares = [count / len(text) for count in Counter(text).values()]
    return 0 < least <= -sum(share * math.log2(share) for share in shares)
