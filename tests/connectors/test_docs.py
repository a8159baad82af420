"""The options in the connectors' READMEs are those of their settings."""

from pathlib import Path

import msgspec
import pytest

import connectors
from connectors.docs import options_table
from connectors.http_api.template import FILTER_NAMES

FOLDER = Path(connectors.__file__).parent


@pytest.mark.parametrize("name", connectors.names())
def test_the_readme_shows_the_options_as_they_are(name):
    text = (FOLDER / name / "README.md").read_text(encoding="utf-8")
    assert options_table(connectors.find(name).settings) in text


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


def test_a_type_without_words_is_refused():
    class Odd(msgspec.Struct):
        raw: bytes

    with pytest.raises(TypeError):
        options_table(Odd)
