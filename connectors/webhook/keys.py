"""Keys of webhooks as texts and as things that sign or verify (Standard Webhooks 1.0)."""

import base64
import binascii
import hmac
from collections.abc import Sequence
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

__all__ = [
    "KeyFault",
    "SigningKey",
    "VerifyingKey",
    "secret_text",
    "signing_keys",
    "verifying_keys",
]

MIN_SECRET_BYTES = 24
MAX_SECRET_BYTES = 64
ED25519_BYTES = 32
SYMMETRIC = "v1"
ASYMMETRIC = "v1a"
_SHARED = "whsec_"
_PRIVATE = "whsk_"
_PUBLIC = "whpk_"


class KeyFault(ValueError):
    """A key that cannot be used. Says which one of the list and why, and nothing of it."""


class SigningKey(Protocol):
    """Signs, under one scheme (`v1` or `v1a`)."""

    scheme: str

    def sign(self, content: bytes) -> bytes:
        """Return the signature."""
        ...


class VerifyingKey(Protocol):
    """Verifies, under one scheme (`v1` or `v1a`)."""

    scheme: str

    def verify(self, content: bytes, signature: bytes) -> bool:
        """Say whether the signature is one of this key over the content."""
        ...


class _Shared:
    """HMAC-SHA256: who verifies could sign as well."""

    scheme = SYMMETRIC

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def sign(self, content: bytes) -> bytes:
        return hmac.digest(self._secret, content, "sha256")

    def verify(self, content: bytes, signature: bytes) -> bool:
        return hmac.compare_digest(self.sign(content), signature)


class _Private:
    """Ed25519, the half that stays with the sender."""

    scheme = ASYMMETRIC

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    def sign(self, content: bytes) -> bytes:
        return self._key.sign(content)


class _Public:
    """Ed25519, the half that the receiver has."""

    scheme = ASYMMETRIC

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._key = key

    def verify(self, content: bytes, signature: bytes) -> bool:
        try:
            self._key.verify(signature, content)
        except InvalidSignature:
            return False
        return True


def secret_text(raw: bytes) -> str:
    """Return 24 to 64 random bytes as a shared secret is written. Raises KeyFault."""
    if not MIN_SECRET_BYTES <= len(raw) <= MAX_SECRET_BYTES:
        raise KeyFault(f"a secret has {MIN_SECRET_BYTES} to {MAX_SECRET_BYTES} bytes")
    return _SHARED + base64.b64encode(raw).decode("ascii")


def signing_keys(texts: Sequence[str]) -> list[SigningKey]:
    """Read `whsec_` and `whsk_` keys, in order. Raises KeyFault, also where there is none."""
    _some(texts)
    return [_signing(text, f"secrets[{place}]") for place, text in enumerate(texts)]


def verifying_keys(texts: Sequence[str]) -> list[VerifyingKey]:
    """Read `whsec_` and `whpk_` keys, in order. Raises KeyFault, also where there is none."""
    _some(texts)
    return [_verifying(text, f"secrets[{place}]") for place, text in enumerate(texts)]


def _some(texts: Sequence[str]) -> None:
    if not texts:
        raise KeyFault("secrets: there is no key")


def _signing(text: str, place: str) -> SigningKey:
    if text.startswith(_SHARED):
        return _shared(text, place)
    if not text.startswith(_PRIVATE):
        raise KeyFault(f"{place}: a key to sign with begins with {_SHARED} or {_PRIVATE}")
    raw = _decoded(text, _PRIVATE, place)
    if len(raw) not in (ED25519_BYTES, 2 * ED25519_BYTES):
        raise KeyFault(f"{place}: an ed25519 key has {ED25519_BYTES} bytes")
    key = Ed25519PrivateKey.from_private_bytes(raw[:ED25519_BYTES])
    public = raw[ED25519_BYTES:]  # some programs write the public half behind the private one
    if public and public != key.public_key().public_bytes_raw():
        raise KeyFault(f"{place}: the two halves of the key do not belong together")
    return _Private(key)


def _verifying(text: str, place: str) -> VerifyingKey:
    if text.startswith(_SHARED):
        return _shared(text, place)
    if not text.startswith(_PUBLIC):
        raise KeyFault(f"{place}: a key to verify with begins with {_SHARED} or {_PUBLIC}")
    raw = _decoded(text, _PUBLIC, place)
    if len(raw) != ED25519_BYTES:
        raise KeyFault(f"{place}: an ed25519 key has {ED25519_BYTES} bytes")
    return _Public(Ed25519PublicKey.from_public_bytes(raw))


def _shared(text: str, place: str) -> _Shared:
    raw = _decoded(text, _SHARED, place)
    if not MIN_SECRET_BYTES <= len(raw) <= MAX_SECRET_BYTES:
        raise KeyFault(f"{place}: a secret has {MIN_SECRET_BYTES} to {MAX_SECRET_BYTES} bytes")
    return _Shared(raw)


def _decoded(text: str, prefix: str, place: str) -> bytes:
    encoded = text.removeprefix(prefix)
    try:
        return base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise KeyFault(f"{place}: what follows {prefix} is no base64") from None
