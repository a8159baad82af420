"""The command line's frame: quick help, exit codes, errors that say what to do, no tracebacks."""

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from gateway import cli
from gateway.cli.exits import Exit, exit_code
from gateway.cli.verb import Verb
from gateway.cli.verbs import NOUNS, VERBS
from gateway.errors import (
    ConfigError,
    Conflict,
    HubError,
    NotFound,
    Reject,
    StorageFault,
    TryAgain,
    UsageFault,
)

HEAVY = {"litestar", "httpx", "aiohttp", "paramiko", "sqlalchemy", "jsonschema", "cryptography"}


def remithub(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from gateway.cli import main; sys.exit(main())",
            *arguments,
        ],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        cwd=Path(__file__).resolve().parents[3],
        timeout=60,
        check=False,
    )


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the verbs by those of this file."""
    monkeypatch.setattr(cli, "VERBS", PLANTED)


def planted_verb(name: str, function: str) -> Verb:
    return msgspec.structs.replace(VERBS[0], name=name, target=f"{__name__}:{function}")


def fails_as_ours() -> None:
    raise NotFound("There is no message msg_1.", next_step="list them: remithub message list")


def fails_unexpectedly() -> None:
    raise ValueError("Maria Canary, member 123")


def is_interrupted() -> None:
    raise KeyboardInterrupt


def answers(code: int) -> int:
    return code


def reads(files: list[Path]) -> int:
    return 3 if files == [Path("-"), Path("a.835")] else 0


PLANTED = (
    planted_verb("reads", "reads"),
    planted_verb("ours", "fails_as_ours"),
    planted_verb("unexpected", "fails_unexpectedly"),
    planted_verb("interrupted", "is_interrupted"),
    planted_verb("answers", "answers"),
)


def test_help_loads_none_of_the_heavy_packages() -> None:
    code = (
        "import sys; from gateway.cli import main; main(['--help']);"
        "print(*sys.modules, sep='\\n', file=sys.stderr)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = {line.partition(".")[0] for line in ended.stderr.split()}
    assert not loaded & HEAVY
    assert len(ended.stderr.split()) < 700


def test_help_starts_with_examples_and_lists_every_verb() -> None:
    ended = remithub("--help")
    assert ended.returncode == 0
    assert re.match(r"Examples: *\nremithub ", ended.stdout)
    for verb in VERBS:
        assert f"  {verb.name.partition(' ')[0]}: " in ended.stdout


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_every_verb_is_there_and_explains_itself(
    verb: Verb, capsys: pytest.CaptureFixture[str]
) -> None:
    module, _, function = verb.target.partition(":")
    target = getattr(importlib.import_module(module), function)
    assert target.help if function == "app" else target.__doc__
    assert cli.main([*verb.name.split(), "--help"]) == 0
    out = capsys.readouterr().out
    assert " ".join(out.split()).startswith(f"Examples: {verb.examples[0]}")


def test_every_noun_is_explained_and_every_example_calls_its_verb() -> None:
    assert {verb.noun for verb in VERBS if verb.noun} == set(NOUNS)
    for verb in VERBS:
        for example in verb.examples:
            assert example.startswith(f"remithub {verb.name}")


def test_a_misspelt_verb_is_a_usage_error_with_a_guess() -> None:
    ended = remithub("verzion")
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert "There is no `remithub verzion`. Did you mean `remithub version`?" in ended.stderr
    assert "Next: `remithub --help`" in ended.stderr


def test_an_unknown_option_is_a_usage_error_with_a_guess() -> None:
    ended = remithub("version", "--jsom")
    assert ended.returncode == 2
    assert "Did you mean --json?" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_version_is_one_json_object_for_programs() -> None:
    ended = remithub("version", "--json")
    assert msgspec.json.decode(ended.stdout).keys() == {"remithub", "python", "system"}
    assert remithub("--version").stdout.strip() == msgspec.json.decode(ended.stdout)["remithub"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Reject("r"), 1),
        (ConfigError("r"), 1),
        (StorageFault("r"), 1),
        (UsageFault("r"), 2),
        (NotFound("r"), 4),
        (Conflict("r"), 5),
        (HubError("r", code="not_allowed"), 6),
        (TryAgain("r"), 7),
    ],
)
def test_an_error_of_ours_has_its_exit_code(error: HubError, code: int) -> None:
    assert exit_code(error) == code


@pytest.mark.usefixtures("planted")
def test_an_error_of_ours_says_what_to_do_next(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["ours"]) == Exit.NOT_FOUND
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == (
        "remithub: There is no message msg_1.\nNext: list them: remithub message list\n"
    )


@pytest.mark.usefixtures("planted")
def test_an_unexpected_error_is_one_line_with_its_place_and_no_value(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["unexpected"]) == Exit.FAILED
    told = capsys.readouterr().err
    assert "Unexpected ValueError at tests/gateway/cli/test_main.py:" in told
    assert "REMITHUB_DEBUG=1" in told
    assert "Canary" not in told


@pytest.mark.usefixtures("planted")
def test_debugging_shows_the_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REMITHUB_DEBUG", "1")
    with pytest.raises(ValueError, match="Canary"):
        cli.main(["unexpected"])


@pytest.mark.usefixtures("planted")
def test_an_interrupt_ends_with_130(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["interrupted"]) == Exit.INTERRUPTED
    assert "Interrupted." in capsys.readouterr().err


@pytest.mark.usefixtures("planted")
def test_a_verb_answers_with_its_own_exit_code() -> None:
    assert cli.main(["answers", "3"]) == Exit.PARTIAL


@pytest.mark.usefixtures("planted")
def test_a_lone_dash_is_a_file_not_an_option() -> None:
    assert cli.main(["reads", "-", "a.835"]) == Exit.PARTIAL


def test_a_reader_that_goes_away_is_no_error() -> None:
    code = (
        "import os, sys; from gateway.cli import main; r, w = os.pipe(); os.close(r);"
        "os.dup2(w, 1); sys.exit(main(['version']))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode == Exit.BROKEN_PIPE
    assert ended.stderr == ""
