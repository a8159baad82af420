"""Replaces `${secret:NAME}` in settings texts when a connector is opened."""

import re
from collections.abc import Callable

__all__ = ["SECRET_PATTERN", "with_secrets"]

SECRET_PATTERN = r"^$|\$\{secret:[A-Za-z_]"  # noqa: S105 - a pattern
"""What a setting that holds a credential must look like: files of settings are kept, by the hub
too, and shown; a literal credential in one is refused."""

_SECRET = re.compile(r"\$\{secret:([A-Za-z_][A-Za-z0-9_.-]*)\}")


def with_secrets(text: str, secret: Callable[[str], str]) -> str:
    """Return `text` with every `${secret:NAME}` replaced. Raises KeyError(NAME) where one is
    missing; the error never holds a value."""
    return _SECRET.sub(lambda match: secret(match[1]), text) if "${secret:" in text else text
