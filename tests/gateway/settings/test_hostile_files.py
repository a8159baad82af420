"""A configuration file may be broken or hostile: it is refused with its place, at little cost.

F-PATH: the name of a secret leads to a file of its folder, and to no other.
"""

import contextlib
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.settings import Secrets, read_config
from gateway.settings.yaml_text import load

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join('*' + chr(97 + n) for _ in range(9))}]\n"
    for n in range(8)
)
"""Nine lines that mean 9 to the 9th texts."""


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        (BOMB, 1, "aliases"),
        ("a:\n  b: &b [*b]\n", 2, "aliases"),
        ("a: " + "[" * 3000 + "]" * 3000, 1, "nested too deeply"),
        ("a: " + "[" * 100_000, 1, "nested too deeply"),
    ],
)
def test_what_would_grow_without_end_is_refused(text: str, line: int, reason: str) -> None:
    began = time.process_time()
    with pytest.raises(ConfigError) as caught:
        load(text, file="x.yaml")
    assert (caught.value.file, caught.value.line) == ("x.yaml", line)
    assert reason in caught.value.reason
    assert time.process_time() - began < 5


def test_a_tag_makes_nothing() -> None:
    assert load("a: !!python/object/apply:os.getcwd []\n", file="x.yaml").data == {"a": []}


@pytest.mark.parametrize("digits", ["9" * 6000, "9" * 400 + ".5"])
def test_a_figure_of_any_length_is_a_text(digits: str) -> None:
    assert load(f"a: {digits}\n", file="x.yaml").data == {"a": digits}


def test_a_key_of_any_characters_is_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "hub.yaml").write_text('tenant: x\n"a[b`c": 1\n')
    with pytest.raises(ConfigError, match="unknown field"):
        read_config(tmp_path, {})


@pytest.fixture
def feed(tmp_path: Path) -> Callable[[str], Path]:
    """Write an interface whose title is that text."""
    (tmp_path / "interfaces").mkdir()

    def write(title: str) -> Path:
        text = f"interface: feed\ndirection: in\nformat: x12-835\ntitle: {title}\n"
        (tmp_path / "interfaces/feed.yaml").write_text(text)
        return tmp_path

    return write


ENVIRONMENT = {
    "REMITHUB_NAME": "north",
    "REMITHUB_SECRET_TOKEN": "Quillmark",
    "AWS_SECRET": "Quillmark",
}


def test_only_variables_of_ours_can_be_named(feed: Callable[[str], Path]) -> None:
    config = read_config(feed("${env:REMITHUB_NAME}"), ENVIRONMENT)
    assert config.interfaces["feed"].title == "north"


@pytest.mark.parametrize("name", ["REMITHUB_SECRET_TOKEN", "AWS_SECRET"])
def test_a_secret_cannot_be_named_as_a_setting(feed: Callable[[str], Path], name: str) -> None:
    with pytest.raises(ConfigError, match="is not set") as caught:
        read_config(feed(f"${{env:{name}}}"), ENVIRONMENT)
    assert "Quillmark" not in str(caught.value)


def test_of_ten_thousand_hostile_names_of_secrets_none_leads_out(tmp_path: Path) -> None:
    folder, outside = tmp_path / "secrets", tmp_path / "outside"
    for place, text in ((folder / "token", "Larkspur"), (outside, "Quillmark")):
        place.parent.mkdir(exist_ok=True)
        place.write_text(text)
    secrets, chance, found = Secrets(folder, {}), random.Random(4), 0
    steps = (
        *("..", "../", "/", "//", ".", "\\", "\0", "\n", "~", "%2e%2e/", "x" * 200, "\ud800", ""),
        *("token", "token", "outside", str(outside), "../outside"),
    )
    for _ in range(10_000):
        with contextlib.suppress(KeyError):
            assert secrets("".join(chance.choices(steps, k=chance.randint(1, 4)))) == "Larkspur"
            found += 1
    assert found > 10
