"""One-time codes by the clock (TOTP, RFC 6238): the second factor of the local account."""

import base64
import binascii
import hmac
from urllib.parse import quote

from gateway.ports import Ids

__all__ = ["STEP_SECONDS", "code_at", "code_url", "is_seed", "new_seed", "step_at"]

STEP_SECONDS = 30
"""How long a code is good; neither the one before nor the one after is taken (ASVS 6.5.5)."""

_DIGITS = 6
_LEAST_BYTES = 20
"""The length of the digest (RFC 4226, 4, R6)."""


def new_seed(ids: Ids) -> str:
    """Return 160 random bits in base32, as authenticators take them."""
    return base64.b32encode(bytes.fromhex(ids.new("s")[2:] + ids.new("s")[2:])[:20]).decode()


def is_seed(text: str) -> bool:
    """Say whether codes can be made of it."""
    try:
        return len(base64.b32decode(text)) >= _LEAST_BYTES
    except (ValueError, binascii.Error):
        return False


def step_at(seconds: float) -> int:
    """Return which step a time since the epoch falls into."""
    return int(seconds // STEP_SECONDS)


def code_at(step: int, seed: str) -> str:
    """Return the code of a step (RFC 4226, 5.3); SHA-1, because authenticators know no other."""
    digest = hmac.digest(base64.b32decode(seed), step.to_bytes(8, "big"), "sha1")
    at = digest[-1] & 0x0F
    number = int.from_bytes(digest[at : at + 4], "big") & 0x7FFF_FFFF
    return f"{number % 10**_DIGITS:0{_DIGITS}d}"


def code_url(seed: str) -> str:
    """Return what an authenticator reads, from a picture or typed in (Key Uri Format)."""
    return f"otpauth://totp/{quote('RemitHub emergency')}?secret={seed}&issuer=RemitHub"
