"""`remithub bench NAME`: run one module of gateway/bench and show what it measured.

There is no list of benchmarks: a module `gateway/bench/NAME.py` with a `run()` is one, and its
docstring is its help, figure names included.
"""

import ast
import importlib
import importlib.util
import pkgutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cyclopts import App

from gateway.cli.output import Column, Output
from gateway.cli.verbs import VERBS

__all__ = ["app", "explanation", "names"]


def names() -> list[str]:
    """Return the names of the benchmarks that are here, sorted; none is loaded."""
    spec = importlib.util.find_spec("gateway.bench")
    if spec is None or spec.submodule_search_locations is None:
        return []
    found = pkgutil.iter_modules(spec.submodule_search_locations)
    return sorted(module.name for module in found if not module.name.startswith("_"))


def explanation(name: str) -> str:
    """Return the docstring of a benchmark's module without loading it."""
    spec = importlib.util.find_spec(f"gateway.bench.{name}")
    if spec is None or spec.origin is None:
        return ""
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    return ast.get_docstring(tree) or ""


def _command(name: str) -> Callable[..., None]:
    def command(*, json: bool = False) -> None:
        result = importlib.import_module(f"gateway.bench.{name}").run()
        _show(Output(json=json), result)

    command.__doc__ = (
        f"{explanation(name)}\n\nParameters\n----------\njson\n    Print one JSON object."
    )
    return command


def _show(output: Output, result: Mapping[str, Any]) -> None:
    if output.json:
        output.data(result)
        return
    columns = (
        Column(key="name", title=str(result["bench"])),
        Column(key="value", title="measured", figures=True),
    )
    rows = [
        {"name": name, "value": f"{value:,.2f}" if isinstance(value, float) else value}
        for kind in ("figures", "ratios")
        for name, value in result.get(kind, {}).items()
    ]
    output.table(columns, rows)
    machine = ", ".join(f"{name} {value}" for name, value in result.get("machine", {}).items())
    output.say(f"On this machine: {machine}.")


app = App(
    name="bench",
    help="Measure a part of the hub, beside something comparable, in one run on this machine.",
    help_prologue=next(verb.prologue for verb in VERBS if verb.name == "bench"),
)
for _name in names():
    app.command(_command(_name), name=_name)
