"""Reads a signed token (JWS, RFC 7515) with nothing in it that could choose its own key.

The algorithm must be one that was configured, the key one that was fetched from where the
configuration says; a header with anything else that bears on keys is refused (RFC 8725, 3).
"""

import base64
import binascii
import json
import re
import warnings
from collections.abc import Collection, Mapping
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, OKPKey, RSAKey, import_key

__all__ = ["ALGORITHMS", "Bad", "VerifyingKey", "peek", "read_keys", "verify"]

ALGORITHMS = ("RS256", "ES256", "EdDSA", "Ed25519")

VerifyingKey = tuple[str, str, RSAKey | ECKey | OKPKey]
"""Key id ("" for none), the algorithm it is for ("" where it does not say), the key."""

_MAX_TOKEN = 16_384
_MAX_KEYS = 100
_MIN_RSA_TEXT = 342
"""2048 bits, in base64url; leading zeros are not allowed there (RFC 7518, 6.3.1.1)."""
_HEADER = frozenset({"alg", "typ", "kid", "cty", "x5t", "x5t#S256"})
_KEY_ID = re.compile(r"[\x20-\x7e]{1,256}")
_PIECE = re.compile(r"[A-Za-z0-9_-]+")


class Bad(Exception):
    """The token is not good; the text says why in one word, for tests and never for callers."""


def verify(
    token: str, keys: Collection[VerifyingKey], algorithms: Collection[str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and claims of a token that one of the keys has signed. Raises Bad."""
    header, _ = peek(token)
    algorithm = header.get("alg")
    if algorithm not in algorithms or algorithm not in ALGORITHMS:
        raise Bad("algorithm")
    key = _key(header, keys, algorithm)
    try:
        with warnings.catch_warnings():
            # Of the two names that Ed25519 has, most issuers still use the older (RFC 9864, 4.2).
            warnings.simplefilter("ignore", SecurityWarning)
            signed = jws.deserialize_compact(token, key, algorithms=[algorithm])
    except (JoseError, ValueError, TypeError, binascii.Error):
        raise Bad("signature") from None
    return header, _object(signed.payload)


def peek(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and claims as they say themselves, verified by nobody. Raises Bad."""
    if len(token) > _MAX_TOKEN:
        raise Bad("size")
    pieces = token.split(".")
    if len(pieces) != len(("header", "claims", "signature")):
        raise Bad("pieces")
    if not all(_PIECE.fullmatch(piece) for piece in pieces):
        raise Bad("encoding")
    header, claims = (_object(_decoded(piece)) for piece in pieces[:2])
    kid = header.get("kid")
    if set(header) - _HEADER:
        raise Bad("header")
    if kid is not None and not (isinstance(kid, str) and _KEY_ID.fullmatch(kid)):
        raise Bad("kid")
    return header, claims


def _key(header: Mapping[str, Any], keys: Collection[VerifyingKey], algorithm: str) -> Any:
    """Return the key of that id; without an id, the only one that fits."""
    fits = [found for found in keys if _fits(found, algorithm)]
    if "kid" in header:
        fits = [found for found in fits if found[0] == header["kid"]]
    if len(fits) != 1:
        raise Bad("key")
    return fits[0][2]


def _fits(found: VerifyingKey, algorithm: str) -> bool:
    _, meant, key = found
    if meant and meant != algorithm:
        return False
    match algorithm:
        case "RS256":
            return isinstance(key, RSAKey)
        case "ES256":
            return isinstance(key, ECKey) and key.curve_name == "P-256"
        case _:
            return isinstance(key, OKPKey) and key.curve_name == "Ed25519"


def read_keys(text: bytes) -> list[VerifyingKey]:
    """Read a JWK set (RFC 7517): public keys for signatures; others are passed over. Raises Bad."""
    keys = _object(text).get("keys")
    if not isinstance(keys, list) or len(keys) > _MAX_KEYS:
        raise Bad("keys")
    read = [_read_key(key) for key in keys if isinstance(key, dict)]
    return [key for key in read if key is not None]


def _read_key(data: dict[str, Any]) -> VerifyingKey | None:
    if data.get("kty") not in {"RSA", "EC", "OKP"} or data.get("use", "sig") != "sig":
        return None
    if data["kty"] == "RSA" and len(str(data.get("n", ""))) < _MIN_RSA_TEXT:
        return None
    public = {name: value for name, value in data.items() if name not in _PRIVATE}
    try:
        key = import_key(public)
    except (JoseError, ValueError, TypeError, KeyError, binascii.Error):
        return None
    if not isinstance(key, RSAKey | ECKey | OKPKey):
        return None
    return str(data.get("kid", "")), str(data.get("alg", "")), key


_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k", "key_ops"})


def _decoded(piece: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(piece + "=" * (-len(piece) % 4))
    except (binascii.Error, ValueError):
        raise Bad("encoding") from None


def _object(text: bytes | str) -> dict[str, Any]:
    """Read a JSON object without equal names and without NaN."""
    try:
        found = json.loads(text, object_pairs_hook=_pairs, parse_constant=_constant)
    except (ValueError, RecursionError):
        raise Bad("json") from None
    if not isinstance(found, dict):
        raise Bad("json")
    return found


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("equal names")
    return found


def _constant(_: str) -> Any:
    raise ValueError("no number")
