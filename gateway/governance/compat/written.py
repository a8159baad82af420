"""Writes a report for other programs: as a JSON document, JUnit, SARIF 2.1.0 or Markdown."""

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree as ET

from gateway.governance.compat.finding import Finding, Severity
from gateway.governance.compat.report import Report

__all__ = ["ReportFormat", "document", "finding_document", "shown", "witness_of", "written"]

_SHOWN_ITEMS = 20
_NO_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LEVELS = {Severity.ERR: "error", Severity.WARN: "warning", Severity.INFO: "note"}


class ReportFormat(StrEnum):
    """What a report is written as."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"
    JUNIT = "junit"
    SARIF = "sarif"


def document(report: Report) -> dict[str, Any]:
    """Return the whole report as a JSON document."""
    return {
        "contract": report.contract,
        "old": report.old,
        "new": report.new,
        "mode": report.mode,
        "profile": report.profile,
        "verdict": report.verdict,
        "accepted": report.accepted,
        "required_bump": report.required_bump,
        **witness_of(report),
        "findings": [finding_document(one) for one in report.findings],
    }


def witness_of(report: Report) -> dict[str, Any]:
    """Return what decides the verdict: `witness` where a document breaks, `why` in a review."""
    found: dict[str, Any] = {"witness": _plain(report.witness[0])} if report.witness else {}
    reasons = dict.fromkeys(one.why for one in report.inclusions.values() if one.why)
    return found | ({"why": "; ".join(reasons)} if reasons else {})


def finding_document(finding: Finding) -> dict[str, Any]:
    """Return one finding as a JSON document."""
    found = {
        "code": finding.code,
        "severity": finding.severity,
        "level": finding.level,
        "direction": list(finding.breaks),
        "pointer_old": finding.pointer_old,
        "pointer_new": finding.pointer_new,
        "old": finding.old,
        "new": finding.new,
        "message": finding.message,
        "fingerprint": finding.fingerprint,
        "waiver": finding.waiver,
    }
    evidence = {"evidence": _plain(finding.evidence[0])} if finding.evidence else {}
    return found | evidence


def shown(witness: Any) -> str:
    """Return a witness for people's eyes: a long list ends after a few items."""
    return json.dumps(_shortened(_plain(witness)), indent=2, ensure_ascii=False)


def written(report: Report, form: ReportFormat) -> str:
    """Return the report as `form`; text is for the command line to write."""
    match form:
        case ReportFormat.JUNIT:
            return _junit(report)
        case ReportFormat.SARIF:
            return json.dumps(_sarif(report), ensure_ascii=False)
        case _:
            return "\n".join(_markdown(report))


def _plain(value: Any) -> Any:
    """Turn decimals into JSON numbers: a witness is shown, nothing is counted with it."""
    match value:
        case Decimal():
            return float(value)
        case list():
            return [_plain(item) for item in value]
        case dict():
            return {name: _plain(item) for name, item in value.items()}
        case _:
            return value


def _shortened(value: Any) -> Any:
    match value:
        case list():
            kept = [_shortened(item) for item in value[:_SHOWN_ITEMS]]
            left = len(value) - len(kept)
            return [*kept, f"... and {left} more"] if left else kept
        case dict():
            return {name: _shortened(item) for name, item in value.items()}
        case _:
            return value


def _place(finding: Finding) -> str:
    return finding.pointer_new or finding.pointer_old or "/"


def _sentence(finding: Finding) -> str:
    breaks = f"breaks {' and '.join(finding.breaks)}" if finding.breaks else "breaks nobody"
    return f"{finding.code} at {_place(finding)} {breaks}. {finding.message}".strip()


def _accepted_by(finding: Finding) -> str:
    waiver = finding.waiver
    return f"{waiver.approver} until {waiver.expires}: {waiver.reason}" if waiver else ""


def _junit(report: Report) -> str:
    suite = ET.Element("testsuite", name=f"compatibility of {report.new}")
    for place, inclusion in report.inclusions.items():
        case = ET.SubElement(suite, "testcase", classname="documents", name=place)
        if inclusion.verdict != "compatible":
            failure = ET.SubElement(case, "failure", type=inclusion.verdict)
            failure.set("message", inclusion.why or "a document breaks")
            failure.text = "\n".join(shown(one) for one in inclusion.witness)
    for finding in report.findings:
        _junit_case(suite, finding)
    suite.set("tests", str(len(suite)))
    for name, tag in (("failures", "failure"), ("skipped", "skipped")):
        suite.set(name, str(len(suite.findall(f"*/{tag}"))))
    for element in suite.iter():
        element.text = _NO_XML.sub("?", element.text or "")
        element.attrib = {name: _NO_XML.sub("?", value) for name, value in element.items()}
    return ET.tostring(suite, encoding="unicode", xml_declaration=True)


def _junit_case(suite: ET.Element, finding: Finding) -> None:
    case = ET.SubElement(suite, "testcase", classname=finding.code, name=_place(finding))
    if finding.stands:
        ET.SubElement(case, "failure", type=finding.severity, message=_sentence(finding))
    elif finding.waiver:
        ET.SubElement(case, "skipped", message=f"accepted by {_accepted_by(finding)}")


def _sarif(report: Report) -> dict[str, Any]:
    named = report.new if report.new.endswith(".json") else f"contracts/{report.new}/schema.json"
    codes = sorted({one.code for one in report.findings})
    driver = {"name": "remithub contract compat", "rules": [{"id": code} for code in codes]}
    reasons = witness_of(report).get("why")
    summary = ("mode", "profile", "verdict", "accepted", "required_bump")
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "results": [_result(one, quote(named)) for one in report.findings],
                "properties": {name: getattr(report, name) for name in summary}
                | ({"why": reasons} if reasons else {}),
            }
        ],
    }


def _result(finding: Finding, uri: str) -> dict[str, Any]:
    place = {
        "physicalLocation": {"artifactLocation": {"uri": uri}},
        "logicalLocations": [{"fullyQualifiedName": _place(finding)}],
    }
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "level": _LEVELS[finding.severity],
        "message": {"text": _sentence(finding)},
        "locations": [place],
        "partialFingerprints": {"remithub/v1": finding.fingerprint},
    }
    if finding.waiver:
        result["suppressions"] = [{"kind": "external", "justification": _accepted_by(finding)}]
    return result


def _markdown(report: Report) -> Iterator[str]:
    yield f"## {', '.join(report.old)} -> {report.new}: {report.verdict}"
    yield ""
    accepted = "accepted" if report.accepted else "not accepted"
    yield f"{accepted}; mode {report.mode}, profile {report.profile};"
    yield f"required version bump: {report.required_bump}"
    if report.findings:
        yield "\n| severity | code | place | breaks | what | accepted by |"
        yield "|---|---|---|---|---|---|"
    for one in report.findings:
        cells = (
            *(str(one.severity), one.code, f"`{_place(one)}`", " and ".join(one.breaks)),
            *(one.message, _accepted_by(one)),
        )
        yield f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"
    for place, inclusion in report.inclusions.items():
        for one in inclusion.witness:
            yield f"\nWitness, {place}:\n\n```json\n{shown(one)}\n```"
        if inclusion.why:
            yield f"\nNot decided, {place}: {inclusion.why}."
