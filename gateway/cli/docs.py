"""`remithub docs [--check]`: every generated table of the README files, written or compared.

A table stands between two marks, and what is between them belongs to this command:

    <!-- generated: NAME ARGUMENT -->
    <!-- end generated -->

`gateway.cli.tables` has one function per NAME.
"""

import difflib
import re
from collections.abc import Iterator
from pathlib import Path

from gateway.cli.exits import Exit
from gateway.cli.output import Output
from gateway.cli.tables import table
from gateway.errors import ConfigError, UsageFault

__all__ = ["docs", "pages", "renewed"]

_OPEN = re.compile(r"<!-- generated: (?P<name>[a-z-]+)(?: (?P<argument>\S+))? -->")
_CLOSE = "<!-- end generated -->"


def docs(*, check: bool = False, root: Path = Path()) -> int:
    """Write the generated tables of the README files, or check them.

    Parameters
    ----------
    check
        Change nothing; print the difference and end with 1 where a table is out of date.
    root
        The repository.
    """
    if not (root / "pyproject.toml").is_file():
        raise UsageFault(
            "The documents belong to the repository, and this folder is not it.",
            next_step="run it in the repository, or name it with --root.",
        )
    output = Output()
    stale = 0
    for page in pages(root):
        old = page.read_text(encoding="utf-8")
        new = renewed(old, page=page, root=root)
        if new == old:
            continue
        stale += 1
        name = page.relative_to(root).as_posix()
        if check:
            lines = difflib.unified_diff(
                old.splitlines(), new.splitlines(), name, f"{name} (generated)", lineterm="", n=1
            )
            output.line("\n".join(lines))
        else:
            page.write_text(new, encoding="utf-8")
            output.say(f"Wrote {name}.")
    if check and stale:
        output.say("Next: run `remithub docs` and commit what it writes.")
        return Exit.FAILED
    return Exit.OK


def pages(root: Path) -> Iterator[Path]:
    """Yield every Markdown file of the repository, sorted; environments and builds left out."""
    for page in sorted(root.rglob("*.md")):
        parts = page.relative_to(root).parts
        if not any(part.startswith(".") or part in {"build", "dist", "var"} for part in parts):
            yield page


def renewed(text: str, *, page: Path, root: Path) -> str:
    """Return the page with every marked block generated anew.

    Raises ConfigError, with the page's line, for a block that has no end or no such table.
    """
    lines = iter(enumerate(text.splitlines(), start=1))
    out: list[str] = []
    for number, line in lines:
        out.append(line)
        mark = _OPEN.fullmatch(line.strip())
        if mark is None:
            continue
        if not any(inner.strip() == _CLOSE for _, inner in lines):
            raise ConfigError(
                "a generated block has no end",
                file=str(page),
                line=number,
                next_step=f"close it with {_CLOSE}",
            )
        try:
            body = table(mark["name"], mark["argument"] or "", page=page, root=root)
        except LookupError as error:
            raise ConfigError(
                f"the generated block cannot be made: {error}", file=str(page), line=number
            ) from error
        out += [body.strip("\n"), _CLOSE]
    return "\n".join(out) + "\n"
