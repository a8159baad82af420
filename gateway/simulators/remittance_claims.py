"""Invented claim payments of every kind a biller meets; each one balances, line by line."""

import random
from collections import deque
from datetime import date, timedelta
from typing import Any

from gateway.model.money import cents_of, decimal_text
from gateway.simulators.remittance_parties import FIRST_NAMES, LAST_NAMES, PHYSICIANS, Payer

__all__ = ["ClaimMaker", "reversed_claim"]

Document = dict[str, Any]
Made = tuple[Document, int]
"""A claim and what it paid, in cents."""

_PROCEDURES = (
    ("99213", 14_500, ()),
    ("99214", 21_800, ("25",)),
    ("99285", 98_000, ()),
    ("71046", 17_200, ("26",)),
    ("80053", 6_450, ()),
    ("85025", 4_300, ()),
    ("36415", 1_900, ()),
    ("93000", 8_700, ()),
    ("97110", 5_600, ("GP",)),
    ("70450", 64_000, ("TC",)),
    ("J1885", 3_150, ()),
    ("90837", 18_900, ("95",)),
)
_DENIALS = (
    ("CO", "16", "N290"),
    ("CO", "29", ""),
    ("CO", "97", "M15"),
    ("PI", "50", "N115"),
    ("CO", "197", ""),
)
_SURCHARGES = (0, 500, 1_275)
_EARLIER = 400
_FIRST_DAY = date(2026, 1, 5)
_KINDS = (
    "paid",
    "deductible",
    "denied",
    "partly_denied",
    "secondary",
    "crossover",
    "bundle",
    "inpatient",
    "reversal",
)
_WEIGHTS = (52, 9, 7, 9, 8, 3, 3, 4, 5)


class ClaimMaker:
    """Draws claims; remembers some paid ones so that they can be reversed later."""

    def __init__(self, draw: random.Random, seed: int) -> None:
        self.draw = draw
        self.seed = seed
        self.number = 0
        self.earlier: dict[str, deque[Made]] = {}
        self.latest = ""

    def some(self, payer: Payer, room: int) -> list[Made]:
        """Draw one claim, or a reversal with its correction; never more than `room`."""
        kind = self.draw.choices(_KINDS, _WEIGHTS)[0]
        known = self.earlier.setdefault(payer.id, deque(maxlen=_EARLIER))
        if kind == "reversal" and known:
            original = known.popleft()
            made = [reversed_claim(original)]
            if room > 1:
                number = original[0]["patient_control_number"]
                made.append(self._claim(payer, "paid", number=number))
            return made
        claim = self._claim(payer, "paid" if kind == "reversal" else kind)
        if claim[1] > 0 and len(known) < _EARLIER:
            known.append(claim)
        return [claim]

    def earlier_number(self) -> str:
        """Return the account number of a claim made before, for a provider adjustment."""
        return self.latest or "OPENING"

    def _claim(self, payer: Payer, kind: str, *, number: str = "") -> Made:
        self.number += 1
        draw = self.draw
        self.latest = number or f"RH{self.seed % 100_000:05d}{self.number:08d}"
        served = _FIRST_DAY + timedelta(days=int(draw.random() * 60))
        last, first = draw.choice(LAST_NAMES), draw.choice(FIRST_NAMES)
        physician = draw.choice(PHYSICIANS)
        claim: Document = {
            "patient_control_number": self.latest,
            "status_code": {"secondary": "2", "crossover": "19"}.get(kind, "1"),
            "charge": "0.00",
            "paid": "0.00",
            "patient_responsibility": "0.00",
            "filing_indicator": payer.filing,
            "payer_claim_control_number": f"{payer.trace_prefix}{self.seed % 100_000:05d}{self.number:08d}",
            "facility_code": "11" if kind == "inpatient" else draw.choice(("11", "22", "23")),
            "frequency_code": "7" if number else "1",
            "patient": {
                "entity_type": "1",
                "last_name": last,
                "first_name": first,
                "id": f"M{int(draw.random() * 1_000_000_000):09d}",
                "id_qualifier": "MI",
            },
            "rendering": {
                "entity_type": "1",
                "last_name": physician[0],
                "first_name": physician[1],
                "id": physician[2],
                "id_qualifier": "XX",
            },
            "service_from": served.isoformat(),
            "service_to": served.isoformat(),
            "received_date": (served + timedelta(days=9)).isoformat(),
            "adjustments": [],
            "service_lines": [],
        }
        if kind == "crossover":
            claim["crossover_carrier"] = {
                "entity_type": "2",
                "name": "SECOND HARBOR SUPPLEMENT",
                "id": "SH900",
                "id_qualifier": "PI",
            }
        if kind == "inpatient":
            return claim, self._inpatient(claim)
        return claim, self._lines(claim, payer, kind, served)

    def _inpatient(self, claim: Document) -> int:
        """Fill a claim that is adjudicated as a whole: adjustments at claim level, no lines."""
        draw = self.draw
        charge = 600_000 + int(draw.random() * 3_000_000)
        contractual = int(charge * (0.35 + 0.3 * draw.random()))
        deductible = min(163_200, charge - contractual)
        paid = charge - contractual - deductible
        claim.update(
            facility_code="11",
            frequency_code="1",
            drg="470",
            drg_weight="1.9",
            charge=decimal_text(charge),
            paid=decimal_text(paid),
            patient_responsibility=decimal_text(deductible),
            adjustments=[_adjustment("CO", "45", contractual), _adjustment("PR", "1", deductible)],
            inpatient_adjudication={"covered_days": "4", "drg_amount": decimal_text(paid)},
            remark_codes=["MA01"],
            amounts=[{"qualifier": "AU", "amount": decimal_text(charge)}],
            quantities=[{"qualifier": "CA", "quantity": "4"}],
        )
        return paid

    def _lines(self, claim: Document, payer: Payer, kind: str, served: date) -> int:
        """Fill a claim with one to six lines; returns what it paid."""
        count = 1 + int(self.draw.random() ** 3 * 6)
        charge = paid = patient = 0
        for ordinal in range(1, count + 1):
            denied = kind == "denied" or (kind == "partly_denied" and ordinal == 1)
            line = self._line(payer, kind, served, denied=denied)
            line["line_control_number"] = str(ordinal)
            claim["service_lines"].append(line)
            charge += cents_of(line["charge"])
            paid += cents_of(line["paid"])
            patient += sum(
                cents_of(one["amount"]) for one in line["adjustments"] if one["group_code"] == "PR"
            )
        claim["charge"] = decimal_text(charge)
        claim["paid"] = decimal_text(paid)
        claim["patient_responsibility"] = decimal_text(patient)
        if kind == "bundle":
            claim["outpatient_adjudication"] = {"reimbursement_rate": "0.8"}
            claim["remark_codes"] = ["MA130"]
        return paid

    def _line(self, payer: Payer, kind: str, served: date, *, denied: bool) -> Document:
        draw = self.draw
        code, price, modifiers = draw.choice(_PROCEDURES)
        units = 2 if code == "97110" else 1
        charge = price * units + draw.choice(_SURCHARGES)
        line: Document = {
            "procedure": {"qualifier": "HC", "code": code},
            "charge": decimal_text(charge),
            "paid": "0.00",
            "units": str(units),
            "service_from": served.isoformat(),
            "service_to": served.isoformat(),
            "adjustments": [],
        }
        if modifiers:
            line["procedure"]["modifiers"] = list(modifiers)
        if denied:
            group, reason, remark = draw.choice(_DENIALS)
            line["adjustments"] = [_adjustment(group, reason, charge)]
            if remark:
                line["remark_codes"] = [remark]
            return line
        allowed = charge * payer.allowed_percent // 100
        contractual = charge - allowed
        line["allowed"] = decimal_text(allowed)
        line["adjustments"], paid = self._shares(kind, contractual, allowed)
        line["paid"] = decimal_text(paid)
        return line

    def _shares(self, kind: str, contractual: int, allowed: int) -> tuple[list[Document], int]:
        """Split the allowed amount between payer, other payer and patient."""
        found = [_adjustment("CO", "45", contractual)]
        if kind == "deductible":
            return [*found, _adjustment("PR", "1", allowed)], 0
        if kind == "secondary":
            other = allowed * 4 // 5
            return [*found, _adjustment("OA", "23", other)], allowed - other
        if kind == "bundle":
            rest = allowed // 10
            shares = [
                ("PR", "1", rest),
                ("PR", "2", rest),
                ("PR", "3", rest),
                ("OA", "23", -rest),
                ("OA", "94", rest),
            ]
            return [*found, *(_adjustment(*share) for share in shares)], allowed - 3 * rest
        copay = allowed // 5 if self.draw.random() < 0.7 else 0
        if copay:
            found.append(_adjustment("PR", "2", copay))
        return found, allowed - copay


def reversed_claim(original: Made) -> Made:
    """Return the reversal of a claim: status 22, every amount negated (005010X221A1, 1.10.2.8)."""
    claim, paid = original
    lines = [
        {
            **line,
            "charge": _negated(line["charge"]),
            "paid": _negated(line["paid"]),
            "adjustments": _all_negated(line["adjustments"]),
            **({"allowed": _negated(line["allowed"])} if "allowed" in line else {}),
        }
        for line in claim["service_lines"]
    ]
    kept = {name: value for name, value in claim.items() if name not in _NOT_REVERSED}
    reversal = {
        **kept,
        "status_code": "22",
        "charge": _negated(claim["charge"]),
        "paid": _negated(claim["paid"]),
        "patient_responsibility": _negated(claim["patient_responsibility"]),
        "adjustments": _all_negated(claim["adjustments"]),
        "service_lines": lines,
    }
    return reversal, -paid


_NOT_REVERSED = (
    "amounts",
    "quantities",
    "inpatient_adjudication",
    "outpatient_adjudication",
    "remark_codes",
)


def _adjustment(group: str, reason: str, cents: int) -> Document:
    return {"group_code": group, "reason_code": reason, "amount": decimal_text(cents)}


def _all_negated(adjustments: list[Document]) -> list[Document]:
    return [{**one, "amount": _negated(one["amount"])} for one in adjustments]


def _negated(text: str) -> str:
    return decimal_text(-cents_of(text))
