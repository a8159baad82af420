"""`remithub contract compat`: whether a changed contract still fits those who use it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gateway.cli.output import Output
    from gateway.governance.compat import Limits, Policy, Report, ReportFormat, Subject
    from gateway.registry import ContractVersion, Registry

__all__ = ["compat"]

_USUAL_MODE = "FULL_TRANSITIVE"


def compat(
    old: str = "",
    new: str = "",
    *,
    mode: str = "",
    profile: str = "rw",
    cases: Path | None = None,
    seconds: float = 5.0,
    root: Path | None = None,
    format: str = "text",  # noqa: A002  the option's name
    json: bool = False,
) -> int:
    """Compare a new version of a contract with the old one, by proof or by a witness.

    Ends with 1 where a document breaks or a finding of severity ERR stands, with 3 where a person
    has to look.

    Parameters
    ----------
    old
        A contract and version (remittance-advice/1.0.0), a contract (its newest version), or the
        file of a schema. With a transitive mode, older versions of its major count too.
    new
        The same, for the new side.
    mode
        BACKWARD, FORWARD, FULL, one of them with _TRANSITIVE, or NONE; without it the one that
        the contract names, else FULL_TRANSITIVE.
    profile
        rw compares what a writer may send with what a reader bears; strict, the schemas as written.
    cases
        A file of JSON lines with id, old, new, mode and profile, answered line by line.
    seconds
        How long one comparison may take before it is left to people.
    root
        The folder with contracts/ in it; without it, what came with the program.
    format
        text, json, markdown (for a review), junit or sarif (for a build server).
    json
        The same as --format json.
    """
    from gateway.cli.output import Output
    from gateway.errors import UsageFault
    from gateway.governance.compat import ReportFormat
    from gateway.registry import Registry, starter_root

    output = Output(json=json)
    if cases is not None:
        return _answer_cases(output, cases, mode, profile, seconds)
    if not old or not new:
        raise UsageFault("Two contracts are compared: OLD and NEW, or --cases FILE.")
    registry = Registry(root or starter_root())
    report, enough = _compared(registry, old, new, mode, profile, seconds)
    _show(output, report, _member(ReportFormat, format.lower(), "format"), enough=enough)
    return _exit(report, enough=enough)


def _show(output: "Output", report: "Report", form: "ReportFormat", *, enough: bool) -> None:
    from gateway.governance.compat import document, written

    if output.json or form == "json":
        output.data(document(report) | {"version_is_enough": enough})
    elif form == "text":
        _print(output, report, enough=enough)
    else:
        output.line(written(report, form))


def _compared(
    registry: Any, old: str, new: str, mode: str, profile: str, seconds: float
) -> tuple[Any, bool]:
    """Return the report, and whether the new version rises enough for it."""
    from gateway.governance.compat import compare

    new_subject, new_version = _subject(registry, new)
    named = new_version or _subject(registry, old)[1]
    chosen = _mode(mode or (named.header.compatibility if named else _USUAL_MODE))
    level = _profile(profile)
    olds, old_version = _old_subjects(registry, old, new, transitive=chosen.transitive)
    report = compare(
        olds,
        new_subject,
        mode=chosen,
        profile=level,
        policy=_policy(registry, named, old_version),
        limits=_limits(seconds),
    )
    return report, _enough(report, old_version, new_version)


def _mode(text: str) -> Any:
    from gateway.governance.compat import Mode

    return _member(Mode, text.upper(), "mode")


def _profile(text: str) -> Any:
    from gateway.governance.compat import CompatProfile

    return _member(CompatProfile, text.lower(), "profile")


def _member(kind: Any, text: str, what: str) -> Any:
    from gateway.errors import UsageFault

    if text not in list(kind):
        raise UsageFault(f"There is no {what} '{text}'; there are {', '.join(kind)}.")
    return kind(text)


def _limits(seconds: float) -> "Limits":
    from gateway.governance.compat import Limits
    from gateway.ports import SystemClock

    clock = SystemClock()
    end = clock.monotonic() + seconds
    return Limits(expired=lambda: clock.monotonic() > end)


def _subject(registry: "Registry", text: str) -> "tuple[Subject, ContractVersion | None]":
    from gateway.governance.compat import Subject

    file = Path(text)
    if file.is_file():
        from gateway.errors import ConfigError

        try:
            return Subject(text, _decoded(file.read_bytes())), None
        except ValueError as fault:
            raise ConfigError(f"no JSON: {fault}", file=text) from None
    name, _, version = text.partition("/")
    found = registry.contract(name, version or "*")
    return Subject(found.identity, registry.bundled_schema(name, found.version)), found


def _decoded(text: bytes) -> Any:
    import json

    return json.loads(text)


def _old_subjects(
    registry: "Registry", old: str, new: str, *, transitive: bool
) -> "tuple[list[Subject], ContractVersion | None]":
    """Return what the new schema is compared with, oldest first."""
    from gateway.registry import Version

    subject, found = _subject(registry, old)
    if found is None or not transitive:
        return [subject], found
    last = Version.parse(found.version)
    earlier = []
    for other in registry.contracts():
        version = Version.parse(other.version)
        same = other.name == found.name and version and last and version.major == last.major
        live = other.status not in {"retired", "withdrawn"} and other.identity != new
        if same and live and version and last and version < last:
            earlier.append(_subject(registry, other.identity)[0])
    return [*earlier, subject], found


def _policy(
    registry: "Registry", contract: "ContractVersion | None", old: "ContractVersion | None"
) -> "Policy":
    """Return what is held against a change: nothing was promised of what is still a draft."""
    from gateway.governance.compat import Policy
    from gateway.governance.compat.waivers import waivers_of
    from gateway.ports import SystemClock

    return Policy(
        contract=contract.name if contract else "",
        stability="draft" if old and old.status == "draft" else _stability(contract),
        today=SystemClock().now().date(),
        waivers=waivers_of(registry.roots[0] / "contracts" / "waivers.yaml"),
    )


def _stability(contract: "ContractVersion | None") -> str:
    return contract.record.stability if contract else "stable"


def _enough(
    report: "Report", old: "ContractVersion | None", new: "ContractVersion | None"
) -> bool:
    """Tell whether the new version's number rises as the changes ask; below 1.0.0 any does."""
    from gateway.registry import Version

    before = Version.parse(old.version) if old else None
    after = Version.parse(new.version) if new else None
    if before is None or after is None or before.major == 0 or before == after:
        return True
    if after.major > before.major:
        return True
    risen = "minor" if after.minor > before.minor else "patch"
    allowed = {"patch"} if risen == "patch" else {"patch", "minor"}
    return report.required_bump.value in allowed


def _exit(report: "Report", *, enough: bool = True) -> int:
    from gateway.cli.exits import Exit

    if report.accepted and enough:
        return Exit.OK
    return Exit.PARTIAL if report.verdict == "review" and enough else Exit.FAILED


def _print(output: "Output", report: "Report", *, enough: bool) -> None:
    from textwrap import indent

    from gateway.governance.compat import shown

    names = ", ".join(report.old)
    output.line(f"{names} -> {report.new}: {report.verdict} ({report.mode}, {report.profile})")
    for finding in report.findings:
        where = finding.pointer_new or finding.pointer_old or "/"
        breaks = f" breaks {' and '.join(finding.breaks)}" if finding.breaks else ""
        waived = f" (waived by {finding.waiver.approver})" if finding.waiver else ""
        message = f" {finding.message}" if finding.message else ""
        output.line(f"{finding.severity:<4}  {finding.code}  {where}{breaks}.{message}{waived}")
    for place, inclusion in report.inclusions.items():
        for document in inclusion.witness:
            output.line(f"Witness, {place}:")
            output.line(indent(shown(document), "  "))
        if inclusion.why:
            output.line(f"Not decided, {place}: {inclusion.why}.")
    output.line(f"Required version bump: {report.required_bump}")
    if report.verdict == "compatible" and not report.accepted:
        output.line("No document breaks, but a finding of severity ERR stands.")
    if not enough:
        output.line(f"The version does not rise enough: {report.required_bump} is needed.")


def _answer_cases(output: "Output", file: Path, mode: str, profile: str, seconds: float) -> int:
    """Answer every line of a file, in its order. Raises NotFound; ConfigError where a line is no
    JSON."""
    from gateway.errors import ConfigError, NotFound

    if not file.is_file():
        raise NotFound(f"There is no file '{file}'.")
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            case = _decoded(line.encode())
        except ValueError as fault:
            raise ConfigError(f"no JSON: {fault}", file=str(file), line=number) from None
        output.data(_case(case, mode, profile, seconds))
    return 0


def _case(case: dict[str, Any], mode: str, profile: str, seconds: float) -> dict[str, Any]:
    from gateway.governance.compat import (
        Subject,
        compare,
        draft_named,
        finding_document,
        witness_of,
    )

    try:
        report = compare(
            [Subject("old", case["old"])],
            Subject("new", case["new"]),
            mode=_mode(case.get("mode") or mode or _USUAL_MODE),
            profile=_profile(case.get("profile") or profile),
            draft=draft_named(case.get("dialect")),
            limits=_limits(seconds),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as fault:
        # A case with a side that is no schema at all: the other cases are answered all the same.
        why = f"not a case: {type(fault).__name__}"
        return {"id": case.get("id"), "verdict": "review", "findings": [], "why": why}
    return {
        "id": case.get("id"),
        "verdict": report.verdict,
        **witness_of(report),
        "required_bump": report.required_bump,
        "findings": [finding_document(one) for one in report.findings],
    }
