"""Reads the Idempotency-Key header (draft-ietf-httpapi-idempotency-key-header-07, 2.1)."""

import re

from gateway.api.wire.structured import Malformed, parse_item

__all__ = ["MAX_KEY_CHARACTERS", "parse_idempotency_key"]

MAX_KEY_CHARACTERS = 255

_BARE = re.compile(r"[\x21\x23-\x7e]{1,255}")


def parse_idempotency_key(text: str) -> str:
    """Return the key: a structured-field string, or a bare token as many clients send it.

    1 to 255 characters of visible ASCII, in a string also spaces. Raises Malformed.
    """
    given = text.strip()
    if not given.startswith('"'):
        if not _BARE.fullmatch(given):
            raise Malformed("The key is not 1 to 255 visible ASCII characters.")
        return given
    item = parse_item(given)
    if not isinstance(item.value, str) or not 1 <= len(item.value) <= MAX_KEY_CHARACTERS:
        raise Malformed("The key is not 1 to 255 visible ASCII characters.")
    return item.value
