"""The generated tables: each is made from the one place that knows, as Markdown."""

import re
import tomllib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

__all__ = ["markdown", "table"]


def markdown(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a Markdown table; a bar inside a cell is escaped, a line break becomes a space."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(
        "| " + " | ".join(" ".join(text.split()).replace("|", "\\|") for text in cells) + " |"
        for cells in lines
    )


def table(name: str, argument: str, *, page: Path, root: Path) -> str:
    """Return the table of that name for a page. Raises LookupError where there is none."""
    if name not in _TABLES:
        raise LookupError(f"there is no table {name!r}")
    return _TABLES[name](argument, page, root)


def _verbs(_argument: str, _page: Path, _root: Path) -> str:
    from gateway.cli.verbs import VERBS

    rows = [(f"`remithub {verb.name}`", verb.summary) for verb in VERBS]
    return markdown(("Command", "What it does"), rows)


def _exits(_argument: str, _page: Path, _root: Path) -> str:
    from gateway.cli.exits import Exit

    rows = [(str(code.value), code.name.lower().replace("_", " ")) for code in Exit]
    return markdown(("Exit code", "Meaning"), rows)


def _packages(argument: str, _page: Path, root: Path) -> str:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = project["project"]["dependencies"]
    if argument:
        wanted = project["project"]["optional-dependencies"][argument]
    reasons = project["tool"]["remithub"]["packages"]
    found = (re.match(r"([A-Za-z0-9._-]+)(?!.*\[)([^;]*)", line) for line in wanted)
    rows = [(f"`{one[1]}`", one[2].strip(), reasons[one[1]]) for one in found if one]
    return markdown(("Package", "Versions", "What it is for"), rows)


def _benchmarks(_argument: str, _page: Path, _root: Path) -> str:
    from gateway.cli.bench import explanation, names

    rows = [(f"`remithub bench {name}`", explanation(name).partition("\n")[0]) for name in names()]
    return markdown(("Command", "What it measures"), rows)


def _connectors(_argument: str, _page: Path, _root: Path) -> str:
    from connectors import find, names

    rows = []
    for name in names():
        spec = find(name)
        into = spec.source or spec.receiver
        ways = [word for word, way in (("in", into), ("out", spec.sink)) if way]
        about = (spec.settings.__doc__ or "").strip().partition("\n\n")[0]
        rows.append((f"[`{name}`](connectors/{name}/README.md)", " and ".join(ways), about))
    return markdown(("Connector", "Direction", "What it does"), rows)


def _connector_options(name: str, _page: Path, _root: Path) -> str:
    from connectors import find
    from connectors.docs import options_table

    return options_table(find(name).settings)


def _connector_receiver(name: str, _page: Path, _root: Path) -> str:
    from connectors import find
    from connectors.docs import options_table

    spec = find(name)
    return options_table(spec.receives or spec.settings)


def _settings(name: str, _page: Path, _root: Path) -> str:
    import gateway.settings
    from connectors.docs import options_table

    return options_table(getattr(gateway.settings, name))


def _rights(_argument: str, _page: Path, _root: Path) -> str:
    from gateway.access import RIGHTS, Duty

    rows = [(f"`{right}`", *(row[duty] for duty in Duty)) for right, row in RIGHTS.items()]
    return markdown(("Right, and scope", *Duty), rows)


def _asvs(argument: str, _page: Path, root: Path) -> str:
    from gateway.cli.asvs import State, by_state, chapters, counts

    found = chapters(root)
    if argument == "counts":
        return markdown(("Chapter", *State), counts(found))
    if argument == "gaps":
        rows = [(one.id, one.asks, one.why) for one in by_state(found, State.GAP)]
        return markdown(("Requirement", "What it asks", "What is missing"), rows)
    heads = ("Requirement", "Level", "What it asks", "State", "By what")
    (chapter,) = [one for one in found if str(one.chapter) == argument]
    return markdown(heads, chapter.rows())


def _findings(_argument: str, _page: Path, _root: Path) -> str:
    from gateway.formats.x12.meanings import MEANINGS

    return markdown(("Code", "Meaning"), [(f"`{code}`", text) for code, text in MEANINGS.items()])


def _metrics(_argument: str, _page: Path, _root: Path) -> str:
    from gateway.health.metrics import METRICS

    rows = [
        (f"`{one.name}`", one.kind, one.unit, ", ".join(one.labels), one.meaning)
        for one in METRICS
    ]
    return markdown(("Metric", "Kind", "Unit", "Labels", "Meaning"), rows)


def _problems(_argument: str, _page: Path, _root: Path) -> str:
    from gateway.api.problems import PROBLEMS

    rows = [(f"`{code}`", str(kind.status), kind.title) for code, kind in PROBLEMS.items()]
    return markdown(("Code", "HTTP status", "Meaning"), rows)


def _contracts(_argument: str, _page: Path, root: Path) -> str:
    from gateway.registry import Registry

    rows = [
        (f"[`{one.name}`]({one.name}/README.md)", one.version, one.status, one.header.title)
        for one in Registry(root).contracts()
    ]
    return markdown(("Contract", "Version", "Status", "What it is"), rows)


def _contract_fields(argument: str, _page: Path, root: Path) -> str:
    from gateway.governance.docs import contract_table
    from gateway.registry import Registry

    registry = Registry(root)
    contract = registry.contract(argument)
    return contract_table(contract, registry.bundled_schema(argument, contract.version))


def _contract_rules(argument: str, _page: Path, root: Path) -> str:
    from gateway.governance.quality import compile_quality
    from gateway.registry import Registry

    rules = compile_quality(Registry(root), argument).rules
    rows = [(f"`{one.name}`", one.severity, one.outcome, one.description) for one in rules]
    return markdown(("Quality rule", "Severity", "Outcome", "What must hold"), rows)


def _mapping_functions(_argument: str, _page: Path, _root: Path) -> str:
    from gateway.translation.docs import function_rows

    rows = [(f"`{signature}`", text) for signature, text in function_rows()]
    return markdown(("Function", "What it gives"), rows)


def _mapping_rules(_argument: str, _page: Path, _root: Path) -> str:
    from gateway.translation.docs import rule_rows

    return markdown(("Rule", "Why"), [(f"`{rule}`", text) for rule, text in rule_rows()])


def _mapping_codes(_argument: str, _page: Path, _root: Path) -> str:
    from gateway.translation.docs import run_code_rows

    return markdown(("Code", "Why"), [(f"`{code}`", text) for code, text in run_code_rows()])


_TABLES: dict[str, Callable[[str, Path, Path], str]] = {
    "asvs": _asvs,
    "benchmarks": _benchmarks,
    "connector-options": _connector_options,
    "connector-receiver": _connector_receiver,
    "connectors": _connectors,
    "contract-fields": _contract_fields,
    "contract-rules": _contract_rules,
    "contracts": _contracts,
    "exit-codes": _exits,
    "findings": _findings,
    "mapping-codes": _mapping_codes,
    "mapping-functions": _mapping_functions,
    "mapping-rules": _mapping_rules,
    "metrics": _metrics,
    "packages": _packages,
    "problems": _problems,
    "rights": _rights,
    "settings": _settings,
    "verbs": _verbs,
}
