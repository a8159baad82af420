"""Severities: what inclusion does not see, what a waiver covers, what a version has to do."""

from datetime import date
from typing import Any

import msgspec
import pytest

from gateway.governance.compat import (
    Bump,
    Finding,
    Mode,
    Policy,
    Report,
    Severity,
    Subject,
    Waiver,
    compare,
)

TODAY = date(2026, 5, 1)
TEXT = {"type": "string"}


def record(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def compared(old: Any, new: Any, policy: Policy | None = None, mode: Mode = Mode.FULL) -> Report:
    return compare([Subject("o", old)], Subject("n", new), mode=mode, policy=policy)


def only(report: Report, code: str) -> Finding:
    (found,) = (finding for finding in report.findings if finding.code == code)
    return found


def test_a_field_that_goes_is_an_error_though_no_document_breaks() -> None:
    report = compared(record(a=TEXT, b=TEXT), record(a=TEXT))
    assert report.verdict == "compatible"
    assert only(report, "PROP_OPTIONAL_REMOVED").severity is Severity.ERR
    assert not report.accepted
    assert report.required_bump is Bump.MAJOR


@pytest.mark.parametrize(
    ("sunset", "severity"), [("2026-04-30", Severity.INFO), ("2026-05-02", Severity.ERR)]
)
def test_a_deprecated_field_may_go_after_its_sunset(sunset: str, severity: Severity) -> None:
    old = record(a=TEXT, b=TEXT | {"deprecated": True, "x-sunset": sunset})
    report = compared(old, record(a=TEXT), Policy(today=TODAY))
    assert only(report, "PROP_OPTIONAL_REMOVED").severity is severity
    assert report.accepted == (severity is Severity.INFO)


@pytest.mark.parametrize(
    ("sunset", "severity"), [("2026-12-01", Severity.INFO), ("2026-06-01", Severity.ERR)]
)
def test_a_deprecation_leaves_time_enough(sunset: str, severity: Severity) -> None:
    new = record(a=TEXT | {"deprecated": True, "x-sunset": sunset, "x-successor": "b"})
    report = compared(record(a=TEXT), new, Policy(today=TODAY))
    assert only(report, "DEPRECATED_SET").severity is severity


@pytest.mark.parametrize(
    ("old", "new", "code", "severity", "bump"),
    [
        ({"default": "a"}, {"default": "b"}, "DEFAULT_CHANGED", Severity.WARN, Bump.MINOR),
        ({"contentEncoding": "base64"}, {}, "CONTENT_ENCODING_CHANGED", Severity.ERR, Bump.MINOR),
        ({"title": "A"}, {"title": "B"}, "TITLE_DESC_CHANGED", Severity.INFO, Bump.PATCH),
        ({"x-extensible": True}, {}, "EXTENSIBLE_REMOVED", Severity.ERR, Bump.MINOR),
        ({}, {"x-extensible": True}, "EXTENSIBLE_ADDED", Severity.INFO, Bump.PATCH),
        ({"x-phi": {"class": "mrn", "mask": "full"}}, {}, "PHI_REMOVED", Severity.ERR, Bump.MINOR),
    ],
)
def test_meaning_is_weighed_besides_inclusion(
    old: Any, new: Any, code: str, severity: Severity, bump: Bump
) -> None:
    report = compared(record(a=TEXT | old), record(a=TEXT | new))
    assert report.verdict == "compatible"
    assert only(report, code).severity is severity
    assert report.required_bump is bump


def test_a_waiver_covers_its_own_finding_until_it_expires() -> None:
    old, new = record(a=TEXT, b=TEXT), record(a=TEXT)
    printed = only(compared(old, new), "PROP_OPTIONAL_REMOVED").fingerprint
    waiver = Waiver(fingerprint=printed, reason="unused", approver="ann", expires="2026-05-01")
    assert compared(old, new, Policy(today=TODAY, waivers=[waiver])).accepted
    late = Policy(today=date(2026, 5, 2), waivers=[waiver])
    assert not compared(old, new, late).accepted
    other = msgspec.structs.replace(waiver, fingerprint="0" * 16)
    assert not compared(old, new, Policy(today=TODAY, waivers=[other])).accepted
    assert not compared(old, record(b=TEXT), Policy(today=TODAY, waivers=[waiver])).accepted


def test_nothing_is_promised_of_a_draft() -> None:
    report = compared(record(a=TEXT), record(a={"type": "integer"}), Policy(stability="draft"))
    assert report.verdict == "incompatible"
    assert report.accepted
    assert {finding.severity for finding in report.findings} == {Severity.WARN}


def test_a_mode_looks_at_its_own_directions_and_versions() -> None:
    first, second = record(a=TEXT), record(a=TEXT | {"maxLength": 9})
    third = record(a=TEXT | {"maxLength": 8})
    versions = [Subject("1", first), Subject("2", second)]

    def verdict(new: Any, mode: Mode) -> str:
        return compare(versions, Subject("3", new), mode=mode).verdict

    assert verdict(third, Mode.FORWARD) == "compatible"
    assert verdict(third, Mode.BACKWARD) == "incompatible"
    wider = record(a=TEXT | {"maxLength": 10})
    assert verdict(wider, Mode.BACKWARD) == "compatible"
    assert verdict(wider, Mode.BACKWARD_TRANSITIVE) == "incompatible"
    assert verdict(wider, Mode.NONE) == "compatible"


def test_a_break_that_stands_nowhere_is_named_all_the_same() -> None:
    old = {"if": {"type": "string"}, "then": {"maxLength": 3}}
    report = compared(old, old | {"$defs": {}, "minProperties": 1})
    assert report.verdict == "incompatible"
    assert any(finding.breaks for finding in report.findings)


def test_what_cannot_be_decided_is_left_to_people() -> None:
    old = {"type": "string", "pattern": "^a*(?!x)b?$"}
    report = compared(old, {"type": "string", "pattern": "^a*(?!y)b?$"}, mode=Mode.BACKWARD)
    assert report.verdict == "review"
    assert not report.accepted
