"""Signs webhooks and verifies them (Standard Webhooks 1.0, "Signature scheme"; pure)."""

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

import msgspec

from connectors.webhook.keys import SigningKey, VerifyingKey, verifying_keys

__all__ = ["TOLERANCE_SECONDS", "Unverified", "VerifiedWebhook", "Verifier", "signed", "verify"]

TOLERANCE_SECONDS = 300
"""How far a webhook's time may lie from ours, either way."""

ID = "webhook-id"
TIMESTAMP = "webhook-timestamp"
SIGNATURE = "webhook-signature"
Headers = Mapping[str, str] | Iterable[tuple[str, str]]
"""Names in any case; as pairs, a name that comes twice is seen twice."""

MAX_SIGNATURES = 16
"""Signatures looked at: each costs a computation, and a rotation needs two."""

_ID = re.compile(r"[\x21-\x7e]{1,255}")
_TIMESTAMP = re.compile(r"0|[1-9][0-9]{0,11}")


class Unverified(Exception):
    """A webhook that is not proved to come from who holds a key. Holds nothing of it.

    `code`: `webhook_header_missing`, `webhook_header_repeated`, `webhook_id_invalid`,
    `webhook_timestamp_invalid`, `webhook_timestamp_too_old`, `webhook_timestamp_too_new`,
    `webhook_signatures_too_many` or `webhook_signature_wrong`.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class VerifiedWebhook(msgspec.Struct, frozen=True, kw_only=True):
    """What a verified webhook says of itself."""

    id: str
    """Its idempotency key: the same however often it is sent."""
    sent_at: int
    """When this try was sent, in seconds since 1970."""
    key_index: int
    """Which of the keys it was, from 0: shows when an old one is not used any more."""
    scheme: str
    """`v1` (HMAC-SHA256) or `v1a` (Ed25519)."""


def signed(
    keys: Sequence[SigningKey], webhook_id: str, sent_at: int, body: bytes
) -> dict[str, str]:
    """Return the three headers; with several keys there are several signatures, in their order.

    Raises ValueError for an id with a full stop, which could be read as a shorter one with
    another time, or with what a header cannot hold.
    """
    if "." in webhook_id or not _ID.fullmatch(webhook_id):
        raise ValueError("a webhook's id has 1 to 255 visible ASCII characters and no full stop")
    content = _content(webhook_id, str(sent_at), body)
    signatures = [
        f"{key.scheme},{base64.b64encode(key.sign(content)).decode('ascii')}" for key in keys
    ]
    return {ID: webhook_id, TIMESTAMP: str(sent_at), SIGNATURE: " ".join(signatures)}


class Verifier:
    """Verifies webhooks with a fixed set of keys."""

    def __init__(
        self, keys: Sequence[VerifyingKey], *, tolerance_seconds: int = TOLERANCE_SECONDS
    ) -> None:
        self._keys = tuple(keys)
        self._tolerance = tolerance_seconds

    def verify(self, headers: Headers, body: bytes, now: datetime) -> VerifiedWebhook:
        """Return what a webhook says of itself. Raises Unverified.

        `body` is what came, byte for byte; header names may have any case. A time exactly at the
        tolerance is taken.
        """
        given = _folded(headers)
        webhook_id, timestamp, signatures = (
            _header(given, name) for name in (ID, TIMESTAMP, SIGNATURE)
        )
        if not _ID.fullmatch(webhook_id):
            raise Unverified("webhook_id_invalid")
        sent_at = self._on_time(timestamp, now)
        content = _content(webhook_id, timestamp, body)
        for scheme, signature in _listed(signatures):
            for index, key in enumerate(self._keys):
                if key.scheme == scheme and key.verify(content, signature):
                    return VerifiedWebhook(
                        id=webhook_id, sent_at=sent_at, key_index=index, scheme=scheme
                    )
        raise Unverified("webhook_signature_wrong")

    def _on_time(self, text: str, now: datetime) -> int:
        if not _TIMESTAMP.fullmatch(text):
            raise Unverified("webhook_timestamp_invalid")
        sent_at = int(text)
        ahead = sent_at - int(now.timestamp())
        if ahead < -self._tolerance:
            raise Unverified("webhook_timestamp_too_old")
        if ahead > self._tolerance:
            raise Unverified("webhook_timestamp_too_new")
        return sent_at


def verify(
    headers: Headers, body: bytes, secrets: Sequence[str], now: datetime
) -> VerifiedWebhook:
    """Verify one webhook with keys as texts (`whsec_`, `whpk_`). Raises Unverified, KeyFault."""
    return Verifier(verifying_keys(secrets)).verify(headers, body, now)


def _content(webhook_id: str, timestamp: str, body: bytes) -> bytes:
    return f"{webhook_id}.{timestamp}.".encode("ascii") + body


def _folded(headers: Headers) -> dict[str, str]:
    """Return the three headers by lower-case name; one that is there twice is nobody's."""
    found: dict[str, str] = {}
    for name, value in headers.items() if isinstance(headers, Mapping) else headers:
        folded = name.lower()
        if folded not in (ID, TIMESTAMP, SIGNATURE):
            continue
        if folded in found:
            raise Unverified("webhook_header_repeated")
        found[folded] = value.strip()
    return found


def _header(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name, "")
    if not value:
        raise Unverified("webhook_header_missing")
    return value


def _listed(signatures: str) -> Iterator[tuple[str, bytes]]:
    """Yield scheme and signature of each entry that can be read; others may be of schemes to come."""
    entries = signatures.split(" ")
    if len(entries) > MAX_SIGNATURES:
        raise Unverified("webhook_signatures_too_many")
    for entry in entries:
        scheme, comma, encoded = entry.partition(",")
        if not comma:
            continue
        try:
            yield scheme, base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            continue
