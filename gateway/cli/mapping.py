"""`remithub mapping test|run|explain`: what an author of mappings does all day."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gateway.cli.mapping_folder import MappingFolder, Verdict
    from gateway.cli.output import Output
    from gateway.errors import HubError

__all__ = ["explain", "run", "test"]


def _open(wanted: str, root: Path | None) -> "MappingFolder":
    from gateway.cli.mapping_folder import open_mapping
    from gateway.ports import SystemClock
    from gateway.registry import starter_root
    from gateway.translation import Limits

    return open_mapping(wanted, root or starter_root(), Limits(monotonic=SystemClock().monotonic))


def test(name: str = "", *, root: Path | None = None, json: bool = False) -> int:  # noqa: PT028  a verb, not a test
    """Run the cases of one mapping, or of all, and show every difference.

    Cases hold invented data, so differences are shown with their values.

    Parameters
    ----------
    name
        A mapping, or a folder with a mapping.yaml in it; without it, all mappings.
    root
        The folder with mappings/ and contracts/ in it; without it, what came with the program.
    json
        Print one JSON object per case.
    """
    from gateway.cli.exits import Exit
    from gateway.cli.output import Output
    from gateway.registry import Registry, starter_root

    output = Output(json=json)
    wanted = [name]
    if not name:
        wanted = [found.name for found in Registry(root or starter_root()).mappings()]
    failed = count = 0
    for one in wanted:
        opened = _open(one, root)
        validator = opened.validator()
        for case in opened.cases():
            verdict = opened.judge(case, validator)
            count += 1
            failed += not verdict.passed
            _show_verdict(output, opened.mapping.name, verdict)
    output.say(f"{count} cases of {len(wanted)} mappings, {failed} failed.")
    return Exit.FAILED if failed else Exit.OK


def _show_verdict(output: "Output", mapping: str, verdict: "Verdict") -> None:
    if output.json:
        output.data({"mapping": mapping, "passed": verdict.passed, "verdict": verdict})
        return
    output.line(f"{'ok' if verdict.passed else 'FAILED':<7}{mapping} {verdict.case}")
    if verdict.error:
        output.line(f"       {verdict.error}")
    for violation in verdict.violations:
        output.line(f"       contract {violation}")
    for one in verdict.differences:
        expected, found = one.expected or "nothing", one.found or "nothing"
        output.line(f"       {one.pointer or '/'}: expected {expected}, found {found}")


def run(
    name: str, file: Path, *, root: Path | None = None, context: dict[str, str] | None = None
) -> int:
    """Run a mapping over a file of documents; print one document per line.

    A document that cannot be translated prints a JSON error on stderr instead, and the rest
    goes on; then the exit code is 1.

    Parameters
    ----------
    name
        A mapping, or a folder with a mapping.yaml in it.
    file
        JSON, JSON lines, or a file of the mapping's format (X12); - is standard input.
    root
        The folder with mappings/ and contracts/ in it; without it, what came with the program.
    context
        What the hub would hand over, such as --context.business_date 2026-04-01.
    """
    from gateway.cli.exits import Exit
    from gateway.cli.mapping_folder import documents_of, encode_document, given
    from gateway.cli.output import Output
    from gateway.errors import Reject

    output = Output()
    opened = _open(name, root)
    code = Exit.OK
    for number, document in enumerate(documents_of(file, opened.source.source.format), 1):
        try:
            found = opened.mapping.run(given(document), context or {})
        except Reject as error:
            code = Exit.FAILED
            _say_error(output, error, number)
        else:
            output.line(encode_document(found).decode())
    return code


def explain(
    name: str,
    field: str,
    file: Path,
    *,
    root: Path | None = None,
    context: dict[str, str] | None = None,
    json: bool = False,
) -> int:
    """Say where one target field comes from: expression, line, source places; no values.

    Parameters
    ----------
    name
        A mapping, or a folder with a mapping.yaml in it.
    field
        JSON Pointer of the field in the output, such as /lines/0/debit; / for all.
    file
        JSON, JSON lines, or a file of the mapping's format (X12); - is standard input.
    root
        The folder with mappings/ and contracts/ in it; without it, what came with the program.
    context
        What the hub would hand over, such as --context.business_date 2026-04-01.
    json
        Print one JSON object per document.
    """
    from gateway.cli.exits import Exit
    from gateway.cli.mapping_folder import documents_of, given
    from gateway.cli.output import Output
    from gateway.errors import Reject

    output = Output(json=json)
    opened = _open(name, root)
    code = Exit.NOT_FOUND
    for number, document in enumerate(documents_of(file, opened.source.source.format), 1):
        try:
            trace = opened.mapping.explain(field.rstrip("/"), given(document), context or {})
        except Reject as error:
            code = Exit.FAILED
            _say_error(output, error, number)
            continue
        if trace.fields and code is Exit.NOT_FOUND:
            code = Exit.OK
        if json:
            output.data(trace)
        else:
            _show_fields(output, trace.fields)
    return code


def _show_fields(output: "Output", fields: Any) -> None:
    from gateway.cli.output import Column

    titles = {
        "target": "Target",
        "present": "Present",
        "kind": "Kind",
        "phi": "PHI",
        "line": "Line",
        "expression": "Expression",
        "sources": "From",
    }
    rows = [
        {
            "target": one.target_pointer,
            "present": one.present,
            "kind": one.kind,
            "phi": one.phi or "none",
            "line": one.yaml_line,
            "expression": one.expression,
            "sources": one.source_pointers,
        }
        for one in fields
    ]
    columns = [Column(key=key, title=title) for key, title in titles.items()]
    output.table(columns, rows, empty="The output has no such field.")


def _say_error(output: "Output", error: "HubError", number: int) -> None:
    import msgspec

    from gateway.translation import Untranslatable

    places = error.places() if isinstance(error, Untranslatable) else {"code": error.code}
    line = {"document": number, **places, "message": str(error)}
    output.say(msgspec.json.encode({"error": line}).decode())
