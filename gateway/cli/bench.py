"""`remithub bench NAME`: run one module of gateway/bench and show what it measured.

There is no list of benchmarks: a module `gateway/bench/NAME.py` with a `run()` is one, and its
docstring with that of `run` is its help, figure names included; the options of `run` are its own.
"""

import ast
import importlib
import importlib.util
import inspect
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
    """Return the docstrings of a benchmark's module and of its `run`, without loading it."""
    spec = importlib.util.find_spec(f"gateway.bench.{name}")
    if spec is None or spec.origin is None:
        return ""
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    runs = (node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "run")
    texts = [ast.get_docstring(tree), *(ast.get_docstring(run) for run in runs)]
    return "\n\n".join(filter(None, texts))


def __getattr__(name: str) -> Callable[..., None]:
    """Return the command of one benchmark; only now is its module loaded."""
    if name.startswith("_") or name not in names():
        raise AttributeError(name)
    return _command(importlib.import_module(f"gateway.bench.{name}").run)


def _command(run: Callable[..., Mapping[str, Any]]) -> Callable[..., None]:
    """Give a benchmark's `run` the option --json and print what it returns."""

    def command(*, json: bool = False, **options: Any) -> None:
        _show(Output(json=json), run(**options))

    flag = inspect.Parameter(
        "json", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=bool
    )
    signature = inspect.signature(run)
    command.__signature__ = signature.replace(  # type: ignore[attr-defined]  # functions take one
        parameters=[*signature.parameters.values(), flag]
    )
    command.__annotations__ = {**inspect.get_annotations(run), "json": bool, "return": None}
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
    app.command(f"{__name__}:{_name}", name=_name, help=explanation(_name))
