"""The one password the hub knows: made at random, kept as scrypt with the seed of its codes.

Nobody chooses it, so no list of guesses has it.
"""

import base64
import binascii
import hashlib
import hmac

import msgspec

from gateway.access.codes import is_seed, new_seed
from gateway.ports import Ids

__all__ = ["Kept", "NewPassword", "keep_password", "new_password", "read_kept"]

_N, _R, _P = 1 << 15, 8, 1
_MAX_N = 1 << 20
_MEMORY = 256 << 20
_MAX_CHARACTERS = 1024
_GROUP = 4


class NewPassword(msgspec.Struct, frozen=True, kw_only=True):
    """What is told once, and what is kept of it."""

    password: str
    seed: str
    kept: str


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept: parameters and digest of the password, and the seed of the codes."""

    n: int
    r: int
    p: int
    salt: bytes
    digest: bytes
    seed: str

    def is_of(self, password: str) -> bool:
        """Say whether it is that password, as it was given; takes about a tenth of a second."""
        if len(password) > _MAX_CHARACTERS:
            return False
        given = _scrypt(password, self.salt, self.n, self.r, self.p)
        return hmac.compare_digest(given, self.digest)


def new_password(ids: Ids) -> NewPassword:
    """Make a password of 128 random bits, in groups of four characters, and a seed."""
    text = base64.b32encode(bytes.fromhex(ids.new("s")[2:])).decode().rstrip("=").lower()
    password = "-".join(text[at : at + _GROUP] for at in range(0, len(text), _GROUP))
    seed = new_seed(ids)
    return NewPassword(password=password, seed=seed, kept=keep_password(password, seed, ids))


def keep_password(password: str, seed: str, ids: Ids) -> str:
    """Return what to keep of a password and a seed, as one line."""
    salt = bytes.fromhex(ids.new("salt").rpartition("_")[2])
    digest = _scrypt(password, salt, _N, _R, _P)
    return "$".join(["scrypt", str(_N), str(_R), str(_P), _text(salt), _text(digest), seed])


def read_kept(line: str) -> Kept | None:
    """Read what was kept; None where it cannot be read, or has no seed: it lets nobody in."""
    try:
        name, n, r, p, salt, digest, seed = line.strip().split("$")
        if name != "scrypt" or not 2 <= int(n) <= _MAX_N or not is_seed(seed):
            return None
        return Kept(
            n=int(n),
            r=int(r),
            p=int(p),
            salt=base64.b64decode(salt, validate=True),
            digest=base64.b64decode(digest, validate=True),
            seed=seed,
        )
    except (ValueError, binascii.Error):
        return None


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    """Derive the digest (RFC 7914)."""
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
