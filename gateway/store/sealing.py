"""Seals bytes for rest: compress, then AES-256-GCM under a fresh key that the KEK wraps.

Layout: format (1 byte) | key id (8) | salt (16) | wrapped data key (48) | sealed (n + 16).
The wrapping key is HMAC-SHA-256(KEK, salt): 128 random bits of salt put the limit of random
96-bit nonces under one key (2^32, NIST SP 800-38D 8.3) out of reach. Each of the two AES keys
encrypts exactly once, so their nonces may be fixed. Changing the KEK rewrites the first 73 bytes
and nothing else. The place (body id, chunk, last) is bound as associated data in both layers.
"""

import hashlib
import hmac
import os
import threading
import zlib

import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.errors import StorageFault

__all__ = ["HEADER_BYTES", "chunk_place", "open_sealed", "seal", "sealed_with"]

_FORMAT = b"\x01"
_KEY_ID = slice(1, 9)
_SALT = slice(9, 25)
_WRAPPED = slice(25, 73)
HEADER_BYTES = 73
"""What precedes the sealed bytes."""

_NONCE = bytes(12)
_LEVEL = 1
_WORTH_PACKING_BYTES = 64
_STORED, _DEFLATED, _PACKED = b"\x00", b"\x01", b"\x02"
"""As it is, by zlib (until 0.1.0), by Zstandard (RFC 8878)."""


class _Packers(threading.local):
    """Zstandard's contexts serve one thread at a time. Its level 1 costs a fifth of zlib's and
    leaves less: 23 us and 2.9 KB of a remittance of 17 KB, where zlib has 125 us and 3.3 KB."""

    def __init__(self) -> None:
        self.pack = zstandard.ZstdCompressor(level=_LEVEL).compress
        self.unpack = zstandard.ZstdDecompressor().decompress


_PACKERS = _Packers()


def chunk_place(body_id: str, chunk: int, last: bool) -> bytes:  # noqa: FBT001  a stored column
    """Return the associated data of one chunk; the id comes last, so no two places coincide."""
    return b"body|%d|%d|" % (chunk, last) + body_id.encode()


def seal(data: bytes, place: bytes, *, key_id: bytes, kek: bytes, pack: bool = True) -> bytes:
    """Compress (where it helps), unless not to `pack`, and seal."""
    packed = _PACKERS.pack(data) if pack and len(data) > _WORTH_PACKING_BYTES else data
    plain = _PACKED + packed if len(packed) < len(data) else _STORED + data
    salt, data_key = os.urandom(16), os.urandom(32)
    head = _FORMAT + key_id + salt
    wrapped = AESGCM(_wrapping_key(kek, salt)).encrypt(_NONCE, data_key, head + place)
    return head + wrapped + AESGCM(data_key).encrypt(_NONCE, plain, place)


def sealed_with(sealed: bytes) -> bytes:
    """Return the id of the KEK it was sealed under."""
    return sealed[_KEY_ID]


def open_sealed(sealed: bytes, place: bytes, *, kek: bytes) -> bytes:
    """Return the plain bytes; StorageFault (`body_damaged`) when one bit or the place differs."""
    salt, wrapped = sealed[_SALT], sealed[_WRAPPED]
    try:
        data_key = AESGCM(_wrapping_key(kek, salt)).decrypt(
            _NONCE, wrapped, sealed[: _SALT.stop] + place
        )
        plain = AESGCM(data_key).decrypt(_NONCE, sealed[HEADER_BYTES:], place)
    except (InvalidTag, ValueError):
        raise damaged() from None
    kind, packed = plain[:1], plain[1:]
    if kind == _PACKED:
        return _PACKERS.unpack(packed)
    return zlib.decompress(packed) if kind == _DEFLATED else packed


def damaged() -> StorageFault:
    """Return the fault that says a sealed value does not verify."""
    return StorageFault(
        "A sealed value does not verify: it was changed, cut or moved.",
        code="body_damaged",
        next_step="restore it from a backup; the other bodies are not affected.",
    )


def _wrapping_key(kek: bytes, salt: bytes) -> bytes:
    return hmac.digest(kek, salt, hashlib.sha256)
