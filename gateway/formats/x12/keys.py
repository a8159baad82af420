"""Keys by which the same money is found again, whatever channel it came through."""

from collections.abc import Iterable
from hashlib import sha256

__all__ = ["ClaimIds", "payment_key"]

_MARK = "\x1f"


def payment_key(
    *, payee_id: str, originator: str, trace: str, cents: int, segments: Iterable[str]
) -> str:
    """Return the SHA-256 (64 hexadecimal digits) that names a payment.

    Over payee id, TRN03, TRN02 and BPR02 where BPR02 is not zero and TRN02 is there; else over
    the segments between ST and SE without line breaks and with the usual delimiters: remittances
    without money often share a trace number.
    """
    if cents and trace:
        text = _MARK.join((payee_id, originator, trace, str(cents)))
    else:
        text = "~".join(segments)
    return sha256(text.encode()).hexdigest()


class ClaimIds:
    """Names the claim payments of one payment: "clm_" and 32 hexadecimal digits."""

    def __init__(self, key: str) -> None:
        self._start = sha256(key.encode())

    def name(self, number: str, icn: str, status: str, ordinal: int) -> str:
        """Name a claim payment by CLP01, CLP07, CLP02 and its place in the set (from 1)."""
        digest = self._start.copy()
        digest.update(f"\x1f{number}\x1f{icn}\x1f{status}\x1f{ordinal}".encode())
        return f"clm_{digest.hexdigest()[:32]}"
