"""`remithub connector new`: the folder of a connector to be, and its conformance case."""

import keyword
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

__all__ = ["new"]

_IMPORT = re.compile(r"^from connectors\.\S+ import (?:\((?:\n    .*)*\n\)|.*)\n", re.MULTILINE)
_NAME = re.compile(r"[a-z][a-z0-9_]{1,29}")


def new(
    name: str, *, kind: Literal["source", "sink", "both"] = "both", root: Path = Path()
) -> int:
    """Write the skeleton of a connector, with a conformance case that fails until it is finished.

    It makes connectors/NAME/ (options, source, sink, README, a sample) and
    tests/connectors/NAME/test_conformance.py, and changes nothing that is there. Before writing
    Python: any system with an HTTP API is a YAML for the connector http_api.

    Parameters
    ----------
    name
        Name of the connector, a lower-case Python name, for example mailbox.
    kind
        What it is: a source that is polled, a sink that takes documents, or both.
    root
        The repository.
    """
    from gateway.cli.output import Output

    _refuse(name, root)
    written = [_write(root / path, text) for path, text in _files(name, kind)]
    _write(*_readme(name, root))
    output = Output()
    for path in [*written, root / "connectors" / name / "README.md"]:
        output.line(path.relative_to(root).as_posix())
    output.say(
        f"Next: say in tests/connectors/{name}/test_conformance.py how to reach the partner, then"
        f" finish connectors/{name}/ until this passes:"
        f" python -m pytest tests/connectors/{name} -rs"
    )
    output.say(f"Then name connectors.{name} in the import contracts of pyproject.toml.")
    return 0


def _refuse(name: str, root: Path) -> None:
    from gateway.errors import Conflict, UsageFault

    if not _NAME.fullmatch(name) or keyword.iskeyword(name) or keyword.issoftkeyword(name):
        raise UsageFault(
            "A connector's name is a lower-case Python name of 2 to 30 characters.",
            next_step="choose letters, digits and underscores: mailbox, core_soap.",
        )
    if not (root / "connectors" / "base.py").is_file():
        raise UsageFault(
            "A connector belongs to the repository, and this folder is not it.",
            next_step="run it in the repository, or name it with --root.",
        )
    places = (f"connectors/{name}", f"connectors/{name}.py", f"tests/connectors/{name}")
    for place in places:
        if (root / place).exists():
            raise Conflict(
                f"{place} exists already; nothing was written.", next_step="choose another name."
            )


def _files(name: str, kind: str) -> Iterator[tuple[str, str]]:
    from gateway.cli import connector_skeleton as skeleton

    class_ = "".join(part.capitalize() for part in name.split("_"))
    parts = ["source", "sink"] if kind == "both" else [kind]
    folder = f"connectors/{name}"
    texts = {
        f"{folder}/__init__.py": _init(parts, class_),
        f"{folder}/settings.py": skeleton.SETTINGS,
        f"{folder}/samples/{name.replace('_', '-')}.yaml": skeleton.SAMPLE,
        f"tests/connectors/{name}/test_conformance.py": _case(parts),
    }
    if "source" in parts:
        texts[f"{folder}/source.py"] = skeleton.SOURCE
    if "sink" in parts:
        texts[f"{folder}/sink.py"] = skeleton.SINK
    for path, text in sorted(texts.items()):
        yield path, _filled(text, name, class_)


def _filled(text: str, name: str, class_: str) -> str:
    title = name.replace("_", " ")
    for mark, value in (("UPPER", name.upper()), ("CLASS", class_), ("TITLE", title)):
        text = text.replace(f"__{mark}__", value)
    return _sorted(text.replace("__NAME__", name))


def _sorted(text: str) -> str:
    """Bring a module's imports of connectors into the order that the linter wants."""
    found = [*_IMPORT.finditer(text)]
    if not found:
        return text
    imports = sorted((one[0] for one in found), key=lambda one: one.split()[1])
    return text[: found[0].start()] + "".join(imports) + text[found[-1].end() :]


def _init(parts: list[str], class_: str) -> str:
    from gateway.cli.connector_skeleton import INIT

    names = [f"{class_}{part.capitalize()}" for part in sorted(parts)]
    modules = zip(sorted(parts), names, strict=True)
    imports = [f"from connectors.__NAME__.{part} import {name}" for part, name in modules]
    exports = sorted(["CONNECTOR", "Settings", *names], key=lambda one: (not one.isupper(), one))
    fields = [f"    {part}={class_}{part.capitalize()}," for part in parts]
    return (
        INIT.replace("__IMPORTS__", "\n".join(imports))
        .replace("__EXPORTS__", "\n".join(f'    "{one}",' for one in exports))
        .replace("__PARTS__", "\n".join(fields))
    )


def _case(parts: list[str]) -> str:
    from gateway.cli.connector_skeleton import CASE, CASE_SINK, CASE_SOURCE

    cases = {"source": CASE_SOURCE, "sink": CASE_SINK}
    kit = sorted(
        f"{part.capitalize()}{what}" for part in parts for what in ("Conformance", "Partner")
    )
    text = CASE if "sink" in parts else CASE.replace("from connectors.base import Document\n", "")
    return text.replace("__KIT_IMPORTS__", "\n".join(f"    {one}," for one in kit)).replace(
        "__CASES__", "\n\n\n".join(cases[part] for part in parts)
    )


def _readme(name: str, root: Path) -> tuple[Path, str]:
    """Make the README with the option table of the settings just written."""
    from importlib import util

    from connectors.docs import options_table
    from gateway.cli.connector_skeleton import README

    folder = root / "connectors" / name
    spec = util.spec_from_file_location(f"new_{name}_settings", folder / "settings.py")
    if spec is None or spec.loader is None:
        raise ImportError(name)
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    text = README.replace("__OPTIONS__", options_table(module.Settings))
    return folder / "README.md", text.replace("__NAME__", name)


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path
