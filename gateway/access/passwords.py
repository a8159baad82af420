"""The one password the hub knows, as scrypt (RFC 7914) keeps it."""

import base64
import binascii
import hashlib
import hmac

from gateway.errors import UsageFault
from gateway.ports import Ids

__all__ = ["MIN_CHARACTERS", "check_password", "keep_password"]

MIN_CHARACTERS = 15
"""The shortest password that may stand alone (NIST SP 800-63B-4, 3.1.1.2)."""

_N, _R, _P = 1 << 15, 8, 1
_MAX_N = 1 << 20
_MEMORY = 256 << 20
_MAX_CHARACTERS = 1024


def keep_password(password: str, ids: Ids) -> str:
    """Return what to keep of a password: parameters, salt and digest. Raises UsageFault."""
    if not MIN_CHARACTERS <= len(password) <= _MAX_CHARACTERS:
        raise UsageFault(f"The password needs {MIN_CHARACTERS} characters or more.")
    salt = bytes.fromhex(ids.new("salt").rpartition("_")[2])
    digest = _scrypt(password, salt, _N, _R, _P)
    pieces = ["scrypt", str(_N), str(_R), str(_P), _text(salt), _text(digest)]
    return "$".join(pieces)


def check_password(password: str, kept: str) -> bool:
    """Say whether it is that password; takes about a tenth of a second. A kept text that cannot
    be read is nobody's password."""
    try:
        name, *numbers, salt, digest = kept.strip().split("$")
        n, r, p = map(int, numbers)
        wanted = base64.b64decode(digest, validate=True)
        if name != "scrypt" or not 2 <= n <= _MAX_N or len(password) > _MAX_CHARACTERS:
            return False
        given = _scrypt(password, base64.b64decode(salt, validate=True), n, r, p)
    except (ValueError, binascii.Error):
        return False
    return hmac.compare_digest(given, wanted)


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(
        password.encode("utf-8", "surrogatepass"),
        salt=salt,
        n=n,
        r=r,
        p=p,
        maxmem=_MEMORY,
        dklen=32,
    )


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
