"""A report in the forms that other programs read."""

import json
from datetime import date
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from junitparser import JUnitXml, JUnitXmlError
from sarif_kit.validate import is_valid

from gateway.governance.compat import (
    Mode,
    Policy,
    Report,
    ReportFormat,
    Subject,
    Waiver,
    compare,
    shown,
    written,
)

OLD = {
    "type": "object",
    "properties": {"number": {"type": "string", "maxLength": 5}, "note": {"type": "string"}},
    "required": ["number"],
}
NEW = {
    "type": "object",
    "properties": {"number": {"type": "string", "enum": ["a|b", "c\u0007"]}},
    "required": ["number"],
}
BELLS = {"type": "object", "properties": {"number": {"const": "\u0007<"}}}
UNDECIDED = [
    {"type": "object", "properties": {"number": {"pattern": f"^a*(?!{one})b?$"}}} for one in "xy"
]


def reports() -> list[Report]:
    """One with a waiver, one with a witness that XML cannot say, one that nobody can decide."""
    bells, *undecided = (Subject(f"s{at}", one) for at, one in enumerate((BELLS, *UNDECIDED)))
    return [
        report(removed(report()).fingerprint),
        compare([bells], Subject("n", NEW), mode=Mode.FULL),
        compare(undecided[:1], undecided[1], mode=Mode.BACKWARD),
    ]


def report(waived: str = "", new: Any = NEW) -> Report:
    waiver = Waiver(
        fingerprint=waived, reason="nobody reads it", approver="ann", expires="2026-12-31"
    )
    policy = Policy(contract="thing", today=date(2026, 11, 1), waivers=[waiver])
    olds = [Subject("thing/1.0.0", OLD)]
    return compare(olds, Subject("thing/1.1.0", new), mode=Mode.BACKWARD, policy=policy)


def junit(found: Report) -> ET.Element:
    return ET.fromstring(written(found, ReportFormat.JUNIT))  # noqa: S314  we wrote it ourselves


def removed(found: Report) -> Any:
    (finding,) = (one for one in found.findings if one.code == "PROP_OPTIONAL_REMOVED")
    return finding


def test_junit_counts_what_stands_and_what_is_waived() -> None:
    suite = junit(report())
    failing = {case.get("classname") for case in suite if case.find("failure") is not None}
    assert {"documents", "PROP_OPTIONAL_REMOVED"} <= failing
    assert int(suite.attrib["failures"]) == len(suite.findall("*/failure"))
    assert int(suite.attrib["tests"]) == len(suite)
    waived = junit(report(removed(report()).fingerprint))
    (skipped,) = waived.findall("*/skipped")
    assert "ann until 2026-12-31" in skipped.attrib["message"]
    assert int(waived.attrib["failures"]) == int(suite.attrib["failures"]) - 1


def test_junit_is_xml_whatever_a_witness_holds() -> None:
    new = {"type": "object", "properties": {"number": {"const": "a"}}, "required": ["number"]}
    found = compare([Subject("o", BELLS)], Subject("n", new), mode=Mode.BACKWARD)
    suite = junit(found)
    assert suite.attrib["failures"] != "0"


def test_a_reader_of_junit_counts_as_we_do() -> None:
    for found in reports():
        text = written(found, ReportFormat.JUNIT).encode()
        read = JUnitXml.fromstring(text)
        told = (read.tests, read.failures, read.errors, read.skipped)
        read.update_statistics()  # type: ignore[no-untyped-call]  # theirs has no types
        assert told == (read.tests, read.failures, read.errors, read.skipped)
        assert read.tests == len(found.findings) + len(found.inclusions)
        assert read.failures > 0
    with pytest.raises(JUnitXmlError):
        JUnitXml.fromstring(text.replace(b"testsuite", b"suite"))


def test_the_public_schema_of_sarif_accepts_every_report() -> None:
    for found in reports():
        log = json.loads(written(found, ReportFormat.SARIF))
        assert is_valid(log)
    log["runs"][0]["results"] = [{"ruleId": "NO_MESSAGE"}]
    assert not is_valid(log), "the judge finds what is wrong"


def test_sarif_has_a_result_a_finding_with_its_place_and_waiver() -> None:
    found = report(removed(report()).fingerprint)
    (run,) = json.loads(written(found, ReportFormat.SARIF))["runs"]
    assert run["properties"]["verdict"] == found.verdict
    assert len(run["results"]) == len(found.findings)
    rules = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    assert {result["ruleId"] for result in run["results"]} == rules
    (waived,) = (one for one in run["results"] if "suppressions" in one)
    assert waived["level"] == "error"
    place = waived["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert place == "contracts/thing/1.1.0/schema.json"


def test_markdown_keeps_its_columns() -> None:
    text = written(report(), ReportFormat.MARKDOWN)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + len(report().findings)
    assert {row.count("|") for row in rows} == {7}
    assert "thing/1.0.0 -> thing/1.1.0: incompatible" in text
    assert "```json" in text


def test_a_review_says_why_in_every_form() -> None:
    one, other = UNDECIDED
    found = compare([Subject("o", one)], Subject("n", other), mode=Mode.BACKWARD)
    assert found.verdict == "review"
    for form in (ReportFormat.JUNIT, ReportFormat.MARKDOWN, ReportFormat.SARIF):
        assert "neither proved nor disproved" in written(found, form), form


@pytest.mark.parametrize("length", [20, 21])
def test_a_long_list_is_shown_short(length: int) -> None:
    text = shown({"items": list(range(length))})
    assert ("... and 1 more" in text) == (length > 20)
