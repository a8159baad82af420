"""What a record says must have come about by the steps: a status written by hand is found."""

import msgspec
import pytest

from gateway.governance.records import record_faults
from gateway.registry import VersionRecord

GOOD = {
    "status": "deprecated",
    "author": "anna",
    "approved_by": "ben",
    "active_at": "2026-01-01T00:00:00Z",
    "deprecated_at": "2026-01-01T00:00:00Z",
    "sunset_at": "2026-06-30T00:00:00Z",
    "successor": "1.1.0",
}


def faults(version: str = "1.0.0", **changes: str) -> list[str]:
    return list(record_faults(version, msgspec.convert(GOOD | changes, VersionRecord)))


@pytest.mark.parametrize("status", ["draft", "withdrawn", "active", "deprecated", "sunset"])
def test_a_record_that_came_about_by_steps_is_right(status: str) -> None:
    assert faults(status=status) == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"status": "sleeping"}, "'sleeping' is no status"),
        ({"approved_by": ""}, "names nobody"),
        ({"author": ""}, "names nobody"),
        ({"author": "ben"}, "ben approved what they proposed themselves"),
        ({"version": "0.9.0"}, "below 1.0.0 is a draft"),
        ({"successor": ""}, "names no successor"),
        ({"sunset_at": ""}, "lacks deprecated_at or sunset_at"),
        ({"sunset_at": "2026-06-29T00:00:00Z"}, "less than 180 days"),
        ({"sunset_at": "2026-01-20T00:00:00Z", "stability": "beta"}, "less than 30 days"),
        ({"active_at": "in May"}, "active_at is no moment"),
    ],
)
def test_what_no_step_leads_to_is_named(changes: dict[str, str], reason: str) -> None:
    found = faults(**changes)
    assert len(found) == 1
    assert reason in found[0]


def test_a_beta_needs_less_time() -> None:
    assert faults(stability="beta", sunset_at="2026-01-31T00:00:00Z") == []
