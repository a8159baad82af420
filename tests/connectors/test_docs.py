"""The options in the connectors' READMEs are those of their settings."""

from pathlib import Path

import msgspec
import pytest

import connectors
from connectors.docs import options_table, with_options
from connectors.http_api.template import FILTER_NAMES

FOLDER = Path(connectors.__file__).parent


@pytest.mark.parametrize("name", ["folder", "http_api", "sftp"])
def test_the_readme_shows_the_options_as_they_are(name):
    text = (FOLDER / name / "README.md").read_text(encoding="utf-8")
    assert with_options(text, connectors.find(name).settings) == text


def test_every_option_has_words():
    for name in connectors.names():
        for line in options_table(connectors.find(name).settings).splitlines():
            if line.startswith("| `"):
                assert not line.endswith("|  |"), line


def test_every_connector_has_a_readme_and_samples():
    for name in connectors.names():
        assert (FOLDER / name / "README.md").exists()
        assert connectors.find(name).samples


def test_every_filter_is_named_in_the_readme():
    text = (FOLDER / "http_api" / "README.md").read_text(encoding="utf-8")
    assert [name for name in FILTER_NAMES if f"`{name}" not in text] == []


def test_a_readme_without_a_place_for_options_is_refused():
    with pytest.raises(ValueError, match="no place"):
        with_options("# x", connectors.find("folder").settings)


def test_a_type_without_words_is_refused():
    class Odd(msgspec.Struct):
        raw: bytes

    with pytest.raises(TypeError):
        options_table(Odd)
