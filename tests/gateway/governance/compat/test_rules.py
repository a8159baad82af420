"""Every rule of the guide: its verdict in both profiles, nested in six ways, and its code."""

from typing import Any

import pytest

from gateway.governance.compat import CompatProfile, Mode, Report, Subject, compare
from tests.gateway.governance.compat.rule_cases import CASES, WRAPPERS

BACKWARD_SAFE = {"FULL", "BACKWARD", "VOID"}
FORWARD_SAFE = {"FULL", "FORWARD", "VOID"}
NAMES = [f"{index}-{case[0]}" for index, case in enumerate(CASES)]


def report(old: Any, new: Any, profile: CompatProfile) -> Report:
    return compare([Subject("o", old)], Subject("n", new), mode=Mode.FULL, profile=profile)


def safe(found: Report) -> tuple[bool, bool]:
    ways = (found.inclusions["o backward"], found.inclusions["o forward"])
    assert all(way.verdict != "review" for way in ways), ways
    return ways[0].verdict == "compatible", ways[1].verdict == "compatible"


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_a_rule_has_its_verdict_wherever_the_change_stands(case: Any) -> None:
    _, old, new, strict, rw = case
    for place, wrap in WRAPPERS.items():
        for profile, expected in ((CompatProfile.STRICT, strict), (CompatProfile.RW, rw)):
            if expected == "VOID":
                continue
            found = safe(report(wrap(old), wrap(new), profile))
            assert found == (expected in BACKWARD_SAFE, expected in FORWARD_SAFE), (place, profile)


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_a_rule_has_its_code_and_breaks_what_it_says(case: Any) -> None:
    code, old, new, strict, _ = case
    found = report(old, new, CompatProfile.STRICT)
    assert code in {finding.code for finding in found.findings}
    assert "MEANING_CHANGED" not in {finding.code for finding in found.findings}
    broken = {way for finding in found.findings for way in finding.breaks}
    expected = {
        way
        for way, ok in (("backward", BACKWARD_SAFE), ("forward", FORWARD_SAFE))
        if strict not in ok
    }
    assert broken == expected


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_nothing_breaks_between_a_schema_and_itself(case: Any) -> None:
    for schema in case[1:3]:
        for profile in CompatProfile:
            found = report(schema, schema, profile)
            assert (found.verdict, found.required_bump, found.accepted) == (
                "compatible",
                "patch",
                True,
            )


def test_a_closed_writer_that_must_send_what_it_may_not_is_named() -> None:
    old = {"type": "object", "properties": {"a": {"type": "string"}}}
    found = report(old, old | {"required": ["b"]}, CompatProfile.RW)
    assert found.inclusions["o forward"].empty
    assert "WRITER_EMPTY" in {finding.code for finding in found.findings}
