"""`${secret:NAME}` in settings texts: how it is written, and what is put there instead."""

import re
from collections.abc import Callable

__all__ = ["SECRET_PATTERN", "secret_names", "with_secrets"]

_REFERENCE = r"\$\{secret:([A-Za-z_][A-Za-z0-9_.-]*)\}"

SECRET_PATTERN = rf"^(([A-Za-z]+ )?{_REFERENCE})?$(?!\n)"
"""What a setting that holds a credential must look like, from end to end: files of settings are
kept, by the hub too, and shown; a literal credential in one is refused, also beside a reference.
A word before it is a scheme, as in `Token ${secret:NAME}`."""

_SECRET = re.compile(_REFERENCE)
_MEANT = re.compile(r"(?i)\$\{\s*secret\s*:")


def secret_names(text: str) -> list[str]:
    """Return the NAME of every `${secret:NAME}`. Raises ValueError, which shows nothing of the
    text, for one that is not closed or whose name cannot be one: it would be sent as it is."""
    if _MEANT.search(_SECRET.sub("", text)):
        raise ValueError("a secret is written ${secret:NAME}; NAME is letters, digits, `_.-`")
    return _SECRET.findall(text)


def with_secrets(text: str, secret: Callable[[str], str]) -> str:
    """Return `text` with every `${secret:NAME}` replaced. Raises KeyError(NAME) where one is
    missing, ValueError where one is not written so; neither error holds a value."""
    secret_names(text)
    return _SECRET.sub(lambda match: secret(match[1]), text)
