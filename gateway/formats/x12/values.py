"""X12 data types as exact values, each remembered once met: amounts, quantities, dates."""

import re
from datetime import date

from gateway.model.money import decimal_text

__all__ = ["REMEMBERED", "Amounts", "Dates", "Quantities"]

REMEMBERED = 50_000
"""How many different raw texts a converter keeps before it starts anew: bounds memory."""

_DECIMAL = re.compile(r"(-?)([0-9]*)(?:\.([0-9]*))?")
_WHOLE_DIGITS = 13
_LEADING = "123456789"
_SCALE = (100, 10, 1)
_QUANTITY_WHOLE = 15
_QUANTITY_PLACES = 6
_DATE = re.compile(r"[0-9]{8}")


class Amounts(dict[str, tuple[int, str]]):
    """Reads monetary amounts: "125.5" is (12550, "125.50") (X12.6, data type R).

    `5`, `5.`, `.5`, `-5.00` are amounts. Currency signs, thousands separators, plus signs,
    exponents, a fraction of a cent and more than 13 digits before the point are not: such a text
    counts as 0 and is added to `faults`, as is an empty one, which the caller must empty.
    """

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []

    def __missing__(self, raw: str) -> tuple[int, str]:
        if len(self) >= REMEMBERED:
            self.clear()
        if raw[-3:-2] == "." and raw[0] in _LEADING and len(raw) <= _WHOLE_DIGITS + 3:
            # The usual form, "123.45", is its own decimal string.
            digits = raw[:-3] + raw[-2:]
            if digits.isdigit() and digits.isascii():
                found = self[raw] = (int(digits), raw)
                return found
        return self._unusual(raw)

    def _unusual(self, raw: str) -> tuple[int, str]:
        if not raw:
            return self._fault(raw)
        text = raw.strip()
        negative = text[:1] == "-"
        whole, _, places = (text[1:] if negative else text).partition(".")
        digits = whole + places
        if not (digits.isascii() and digits.isdigit()):
            return self._fault(raw)
        if len(places) > 2 or len(whole) > _WHOLE_DIGITS:
            places = places.rstrip("0")
            whole = whole.lstrip("0")
            digits = whole + places
            if len(places) > 2 or len(whole) > _WHOLE_DIGITS:
                return self._fault(raw)
        cents = int(digits or "0") * _SCALE[len(places)]
        if negative:
            cents = -cents
        found = self[raw] = (cents, decimal_text(cents))
        return found

    def _fault(self, raw: str) -> tuple[int, str]:
        self.faults.append(raw)
        return 0, "0.00"


class Quantities(dict[str, str]):
    """Reads quantities and rates as decimal strings: ".50" is "0.50"; "" where it is none."""

    def __missing__(self, raw: str) -> str:
        match = _DECIMAL.fullmatch(raw.strip())
        found = _quantity(match) if match else ""
        if len(self) >= REMEMBERED:
            self.clear()
        self[raw] = found
        return found


class Dates(dict[str, str]):
    """Reads CCYYMMDD as an ISO date: "20260401" is "2026-04-01"; "" where it is none (X12.6 DT)."""

    def __missing__(self, raw: str) -> str:
        found = ""
        text = raw.strip()
        if _DATE.fullmatch(text):
            try:
                found = date(int(text[:4]), int(text[4:6]), int(text[6:])).isoformat()
            except ValueError:
                found = ""
        if len(self) >= REMEMBERED:
            self.clear()
        self[raw] = found
        return found


def _quantity(match: re.Match[str]) -> str:
    whole = match[2].lstrip("0") or "0"
    places = match[3] or ""
    if len(places) > _QUANTITY_PLACES:
        places = places.rstrip("0")
    if (
        not (match[2] or match[3])
        or len(whole) > _QUANTITY_WHOLE
        or len(places) > _QUANTITY_PLACES
    ):
        return ""
    text = f"{whole}.{places}" if places else whole
    return f"-{text}" if match[1] and text.strip("0.") else text
