"""The shape of the repository: folders, sizes, names, docstrings, and what may not be in it.

A waiver below carries its reason. The limits are those of the style guide: 400 lines a file, 40 a
function, one purpose a module.
"""

import ast
import hashlib
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TOP_LEVEL = {
    ".ci",
    ".gitignore",
    ".yamllint.yaml",
    "CHANGELOG.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "config",
    "connectors",
    "constraints.txt",
    "contracts",
    "docs",
    "gateway",
    "mappings",
    "pyproject.toml",
    "tests",
}
DATA_FOLDERS = ("config", "contracts", "mappings")
DUMPING_GROUNDS = {
    "base",
    "common",
    "helper",
    "helpers",
    "misc",
    "shared",
    "stuff",
    "util",
    "utils",
}
MIGRATIONS = "gateway/store/migrations/versions/"
FILE_LINES = 400
FUNCTION_LINES = 40

DUMPING_GROUND_WAIVERS = {
    "connectors/base.py": "the connector contract; the architecture gives it this name",
}
FILE_WAIVERS: dict[str, str] = {}
FUNCTION_WAIVERS = {
    "gateway/formats/x12/claims.py:clp": "hot: run once a claim, unrolled by measurement",
    "gateway/formats/x12/claims.py:svc": "hot: run once a service line, unrolled by measurement",
    "gateway/formats/x12/writer.py:wrap_sets": "ISA and GS, one element a line",
    "gateway/simulators/remittance_claims.py:_claim": "a claim's fields, written out",
    "gateway/simulators/remittances.py:payment": "a payment's fields, written out",
}

# The brackets keep this line from matching itself.
FOREIGN_WORDS = re.compile(
    r"(^|[^\w])/(w[o]rk|f[a]rm|r[o]ot)/|(^|[^\w])\.l[i]brary|sub[a]gent|f[a]rm-(bench|studio)"
)

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@cache
def tracked() -> tuple[str, ...]:
    """Every file of the repository that is committed or about to be."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return tuple(
        name for name in sorted(set(listed.stdout.split("\0"))) if name and (ROOT / name).is_file()
    )


def python_files(*folders: str) -> list[str]:
    return [name for name in tracked() if name.endswith(".py") and name.startswith(folders)]


CODE = python_files("gateway/", "connectors/")
EVERY_PYTHON_FILE = python_files("gateway/", "connectors/", "tests/")


def tree(name: str) -> ast.Module:
    return ast.parse((ROOT / name).read_text(encoding="utf-8"))


def functions(module: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def lines_of(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count a function's lines without its docstring: explaining costs nothing."""
    length = (node.end_lineno or node.lineno) - node.lineno + 1
    first = node.body[0]
    if ast.get_docstring(node) is not None:
        length -= (first.end_lineno or first.lineno) - first.lineno + 1
    return length


def public_things(module: ast.Module) -> Iterator[tuple[str, Definition]]:
    """Yield public functions and classes, and the public methods of public classes."""
    for node in module.body:
        if isinstance(node, Definition) and not node.name.startswith("_"):
            yield node.name, node
            if isinstance(node, ast.ClassDef):
                for inner in node.body:
                    if isinstance(inner, Definition) and not inner.name.startswith("_"):
                        yield f"{node.name}.{inner.name}", inner


def exported(module: ast.Module) -> list[str] | None:
    """Return `__all__`, or None where a module does not have one."""
    for node in module.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return list(ast.literal_eval(node.value))
    return None


def bound(module: ast.Module) -> set[str]:
    """Return every name that a module binds at its top level."""
    names: set[str] = set()
    for node in ast.walk(module):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                names.add(name)
            case ast.ClassDef(name=name):
                names.add(name)
            case ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                names |= {alias.asname or alias.name.partition(".")[0] for alias in aliases}
    return names


def test_the_top_level_has_the_given_folders_and_nothing_else() -> None:
    found = {name.partition("/")[0] for name in tracked()}
    assert found <= TOP_LEVEL, f"not in the layout: {sorted(found - TOP_LEVEL)}"


def test_data_folders_hold_no_code() -> None:
    assert not [
        name for name in tracked() if name.startswith(DATA_FOLDERS) and name.endswith(".py")
    ]


def test_no_name_is_a_dumping_ground() -> None:
    bad = [
        name
        for name in EVERY_PYTHON_FILE
        if DUMPING_GROUNDS & {part.removesuffix(".py") for part in Path(name).parts}
    ]
    assert sorted(bad) == sorted(DUMPING_GROUND_WAIVERS)


def test_a_file_is_small() -> None:
    long = {
        name: length
        for name in EVERY_PYTHON_FILE
        if (length := (ROOT / name).read_text(encoding="utf-8").count("\n")) > FILE_LINES
    }
    assert sorted(long) == sorted(FILE_WAIVERS), long


def test_a_function_is_short() -> None:
    long = {
        f"{name}:{node.name}": lines_of(node)
        for name in CODE
        for node in functions(tree(name))
        if lines_of(node) > FUNCTION_LINES and not name.startswith(MIGRATIONS)
    }
    assert sorted(long) == sorted(FUNCTION_WAIVERS), long


def test_a_module_says_what_it_is_for_in_one_line() -> None:
    bad = []
    for name in EVERY_PYTHON_FILE:
        first, _, rest = (ast.get_docstring(tree(name)) or "").partition("\n")
        if not first or (rest and not rest.startswith("\n")):
            bad.append(name)
    assert not bad, "no docstring, or its first line does not stand alone"


def test_every_public_thing_has_a_docstring() -> None:
    missing = [
        f"{name}:{node.lineno} {thing}"
        for name in CODE
        for thing, node in public_things(tree(name))
        if ast.get_docstring(node) is None
    ]
    assert not missing


def test_the_public_surface_is_a_list_of_things_that_are_there() -> None:
    bad = []
    for name in CODE:
        module = tree(name)
        surface = exported(module)
        if surface is None:
            # A package's docstring or a migration, whose two functions are alembic's contract.
            if any(public_things(module)) and not name.startswith(MIGRATIONS):
                bad.append(f"{name} has no __all__")
        elif absent := sorted(set(surface) - bound(module)):
            bad.append(f"{name} lists {absent}, which it does not have")
    assert not bad


def test_every_ignore_carries_its_reason() -> None:
    bare = re.compile(
        r"# (noqa|type: ignore)(: [A-Z0-9, ]+|\[[a-z0-9, -]+\])?\s*$"
        r"|raise NotImplementedError\s*$"
        r"|importorskip\([^,]*\)\s*$"
    )
    bad = [
        f"{name}:{number}"
        for name in EVERY_PYTHON_FILE
        for number, line in enumerate((ROOT / name).read_text().splitlines(), start=1)
        if bare.search(line)
    ]
    assert not bad


def test_nothing_speaks_of_the_place_it_was_made() -> None:
    bad = []
    for name in tracked():
        text = (ROOT / name).read_bytes().decode("utf-8", errors="replace")
        bad += [
            f"{name}:{number}"
            for number, line in enumerate(text.splitlines(), start=1)
            if FOREIGN_WORDS.search(line)
        ]
    assert not bad


def test_no_third_party_sample_is_in_the_repository(samples: Path) -> None:
    foreign = {
        hashlib.sha256(file.read_bytes()).hexdigest()
        for file in samples.rglob("*")
        if file.is_file() and file.stat().st_size > 64
    }
    copied = [
        name
        for name in tracked()
        if hashlib.sha256((ROOT / name).read_bytes()).hexdigest() in foreign
    ]
    assert not copied
