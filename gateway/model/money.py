"""Money as whole cents, and its one way to and from decimal text."""

import re

__all__ = ["cents_of", "decimal_text"]

_MONEY = re.compile(r"(-?)([0-9]{1,13})\.([0-9]{2})")


def decimal_text(cents: int) -> str:
    """Write whole cents as the decimal string of the contracts: -5 is "-0.05", 0 is "0.00"."""
    if cents < 0:
        return f"-{-cents // 100}.{-cents % 100:02d}"
    return f"{cents // 100}.{cents % 100:02d}"


def cents_of(text: str) -> int:
    """Read a contract's decimal string ("123.45") as whole cents.

    Raises ValueError when it is not of that form; the text is not repeated in the error.
    """
    match = _MONEY.fullmatch(text)
    if match is None:
        raise ValueError("not a money string with two decimal places")
    cents = int(match[2]) * 100 + int(match[3])
    return -cents if match[1] else cents
