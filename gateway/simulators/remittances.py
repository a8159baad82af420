"""Invented 835 remittances from a seed: several payers, denials, reversals, provider adjustments.

Everything is made up. Every payment balances on all three levels, unless a fault is asked for.
"""

import random
import re
from collections import deque
from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum
from typing import Any

from gateway.formats.x12.writer import Envelope, stream_835
from gateway.model.money import decimal_text
from gateway.simulators.remittance_claims import ClaimMaker
from gateway.simulators.remittance_parties import PAYEES, PAYERS, Payee, Payer

__all__ = ["Fault", "generate_835", "remittances"]

Document = dict[str, Any]

_MOST_CLAIMS = 24
_CAPITATION_SHARE = 0.03
_EMPTY_SHARE = 0.02
_ADJUSTED_SHARE = 0.25


class Fault(StrEnum):
    """What may be wrong on purpose with a generated file."""

    OUT_OF_BALANCE = "out_of_balance"
    """The first payment is one cent too high."""
    TRUNCATED = "truncated"
    """The file ends in the middle of a segment of its last payment."""
    CONTROL_MISMATCH = "control_mismatch"
    """IEA02 is not ISA13."""
    BAD_AMOUNT = "bad_amount"
    """The amount of the first payment is no number."""
    MISSING_TRACE = "missing_trace"
    """The first payment has no TRN."""


def generate_835(
    *,
    payments: int,
    seed: int,
    claims_per_payment: int | None = None,
    fault: Fault | str | None = None,
    usage: str = "P",
) -> Iterator[bytes]:
    """Yield one interchange of `payments` transaction sets, one set at a time in bounded memory.

    The same arguments give the same bytes. Traces, claim numbers and control numbers are unique
    to the seed. `claims_per_payment` None draws 1 to 24, and now and then a payment without any
    claim. `usage` is ISA15. Raises ValueError for a fault that does not exist.
    """
    kind = Fault(fault) if fault else None
    envelope = Envelope(
        sender_id="CLEARWELL",
        receiver_id="REMITHUB",
        control=f"{seed % 1_000_000_000:09d}",
        group_control=str(seed % 1_000_000_000 or 1),
        usage=usage,
    )
    documents = remittances(payments=payments, seed=seed, claims_per_payment=claims_per_payment)
    written = stream_835(documents, envelope)
    return written if kind is None else _damage(written, kind)


def remittances(
    *, payments: int, seed: int, claims_per_payment: int | None = None
) -> Iterator[Document]:
    """Yield remittance-advice documents without the fields that only a reader can know."""
    maker = _PaymentMaker(seed, claims_per_payment)
    for index in range(payments):
        yield maker.payment(index)


class _PaymentMaker:
    """Draws payments; remembers what each payee still owes each payer."""

    def __init__(self, seed: int, claims_per_payment: int | None) -> None:
        self.seed = seed
        self.claims_per_payment = claims_per_payment
        self.draw = random.Random(seed)  # noqa: S311  invented data, nothing secret
        self.claims = ClaimMaker(self.draw, seed)
        self.owed: dict[tuple[str, str], int] = {}

    def payment(self, index: int) -> Document:
        """Draw one payment: parties, claims, provider adjustments, and the amount they leave."""
        draw = self.draw
        payer, payee = draw.choice(PAYERS), draw.choice(PAYEES)
        claims = self._claims(payer)
        paid = sum(cents for _, cents in claims)
        date = f"2026-{1 + index // 28 % 12:02d}-{1 + index % 28:02d}"
        adjustments = self._adjustments(payer, payee, paid, has_claims=bool(claims))
        amount = paid - sum(cents for _, _, cents in adjustments)
        number = f"{self.seed % 1_000_000:06d}{index + 1:07d}"
        method = payer.method if amount else "NON"
        payment: Document = {
            "handling_code": "I" if amount else "H",
            "amount": decimal_text(amount),
            "credit_debit": "C",
            "method": method,
            "trace_number": f"{payer.trace_prefix}{number}",
            "originator_id": payer.originator,
            "effective_date": date,
            "production_date": date,
        }
        if method == "ACH":
            payment["format"] = "CCP"
            payment["payer_bank"] = {"routing": "000000013", "account_last4": "4401"}
            payment["payee_bank"] = {"routing": "000000026", "account_last4": payee.account_last4}
        return {
            "currency": "USD",
            "payment": payment,
            "payer": payer.document(),
            "payee": payee.document(),
            "claims": [claim for claim, _ in claims],
            "provider_adjustments": [
                {
                    "provider_id": payee.npi,
                    "fiscal_period_date": "2026-12-31",
                    "reason_code": code,
                    **({"reference_id": reference} if reference else {}),
                    "amount": decimal_text(cents),
                }
                for code, reference, cents in adjustments
            ],
        }

    def _claims(self, payer: Payer) -> list[tuple[Document, int]]:
        count = self.claims_per_payment
        if count is None:
            share = self.draw.random()
            if share < _CAPITATION_SHARE + _EMPTY_SHARE:
                return []
            count = 1 + int(self.draw.random() * _MOST_CLAIMS)
        made: list[tuple[Document, int]] = []
        while len(made) < count:
            made.extend(self.claims.some(payer, count - len(made)))
        for ordinal, (claim, _) in enumerate(made, 1):
            claim["assigned_number"] = str(ordinal)
        return made

    def _adjustments(
        self, payer: Payer, payee: Payee, paid: int, *, has_claims: bool
    ) -> list[tuple[str, str, int]]:
        """Draw (code, reference, cents); the payment that is left is never negative."""
        draw = self.draw
        found: list[tuple[str, str, int]] = []
        if not has_claims and draw.random() < 0.6:
            found.append(("CT", "PANEL", -(50_000 + int(draw.random() * 900_000))))
        if has_claims and draw.random() < _ADJUSTED_SHARE:
            found.extend(self._drawn_adjustments(paid))
        pair = (payer.id, payee.npi)
        left = paid - sum(cents for _, _, cents in found)
        owed = self.owed.get(pair, 0)
        if left < 0:
            self.owed[pair] = owed - left
            found.append(("FB", f"{payer.trace_prefix}FWD", left))
        elif owed and left:
            taken = min(owed, left)
            self.owed[pair] = owed - taken
            found.append(("FB", f"{payer.trace_prefix}FWD", taken))
        return found

    def _drawn_adjustments(self, paid: int) -> list[tuple[str, str, int]]:
        draw = self.draw
        cents = 100 + int(draw.random() * max(paid // 4, 900))
        kind = draw.choice(("WO", "L6", "72", "CS", "J1", "IR", "B2", "LE"))
        reference = self.claims.earlier_number()
        match kind:
            case "L6":
                return [("L6", "", -(cents // 20 + 1))]
            case "72":
                return [("WO", reference, cents), ("72", reference, -cents)]
            case "WO":
                return [("WO", reference, cents), ("L6", "", cents // 50 + 1)]
            case "B2":
                return [("B2", "REBATE", -cents)]
            case _:
                return [(kind, reference, cents)]


def _damage(written: Iterator[bytes], fault: Fault) -> Iterator[bytes]:
    """Pass on header, sets and trailer with one fault in them."""
    yield next(written)
    recent: deque[bytes] = deque()
    for place, piece in enumerate(written):
        recent.append(_damaged_set(piece, fault) if place == 0 else piece)
        if len(recent) > 2:
            yield recent.popleft()
    trailer = recent.pop()
    last = b"".join(recent)
    if fault is Fault.TRUNCATED:
        yield last[: last.rindex(b"~", 0, len(last) * 2 // 3) + 6]
    elif fault is Fault.CONTROL_MISMATCH:
        yield last + re.sub(rb"IEA\*1\*[0-9]", b"IEA*1*X", trailer)
    else:
        yield last + trailer


def _damaged_set(piece: bytes, fault: Fault) -> bytes:
    match fault:
        case Fault.OUT_OF_BALANCE:
            return re.sub(rb"(BPR\*[A-Z]\*)([0-9.]+)", _one_cent_more, piece, count=1)
        case Fault.BAD_AMOUNT:
            return re.sub(rb"(BPR\*[A-Z]\*)[0-9.]+", rb"\g<1>PENDING", piece, count=1)
        case Fault.MISSING_TRACE:
            piece = re.sub(rb"~TRN\*[^~]*", b"", piece, count=1)
            return re.sub(rb"(~SE\*)([0-9]+)", _one_less, piece)
        case Fault.TRUNCATED | Fault.CONTROL_MISMATCH:
            return piece


def _one_cent_more(match: re.Match[bytes]) -> bytes:
    return match[1] + str(Decimal(match[2].decode()) + Decimal("0.01")).encode()


def _one_less(match: re.Match[bytes]) -> bytes:
    return match[1] + str(int(match[2]) - 1).encode()
