"""Every connector folder is found by itself and has a conformance case for each of its parts."""

import importlib.util
import inspect
from pathlib import Path
from types import ModuleType

import pytest

import connectors
from connectors.conformance import NOT_ROWS, SinkConformance, SourceConformance
from connectors.conformance.suite import FILE_SINK_ROWS, FILE_SOURCE_ROWS

FOLDER = Path(connectors.__file__).parent
CASES = Path(__file__).parent
DESIGN_ROWS = {str(number) for number in range(1, 36)}


def case_module(name: str) -> ModuleType:
    path = CASES / name / "test_conformance.py"
    assert path.is_file(), (
        f"connectors/{name} has no conformance case: write {path.name} in {name}/"
    )
    spec = importlib.util.spec_from_file_location(f"case_of_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def cases_of(name: str, kind: type) -> list[type]:
    return [
        case
        for _, case in inspect.getmembers(case_module(name), inspect.isclass)
        if issubclass(case, kind)
        and case.__name__.startswith("Test")
        and getattr(case, "connector", None) is connectors.find(name)
    ]


def without_case(name: str) -> list[str]:
    spec = connectors.find(name)
    parts = ((spec.source, SourceConformance), (spec.sink, SinkConformance))
    return [kind.__name__ for part, kind in parts if part is not None and not cases_of(name, kind)]


@pytest.mark.parametrize("name", connectors.names())
def test_every_part_of_every_connector_has_a_conformance_case(name):
    missing = without_case(name)
    assert not missing, f"connectors/{name} has no conformance case: no {' and no '.join(missing)}"


@pytest.mark.parametrize("name", connectors.names())
def test_a_connector_is_found_by_the_name_it_gives_itself(name):
    assert connectors.find(name).name == name


def test_every_folder_is_a_connector_or_known_not_to_be_one():
    folders = {path.name for path in FOLDER.iterdir() if (path / "__init__.py").is_file()}
    assert folders - set(connectors.names()) == {"conformance"}


def test_every_row_of_the_design_is_a_row_of_the_kit_or_named_with_its_reason():
    rows = {one.number for one in (*FILE_SOURCE_ROWS, *FILE_SINK_ROWS)}
    assert {number for number in DESIGN_ROWS if number not in rows} == set(NOT_ROWS)
    assert all(NOT_ROWS.values())


def test_no_two_rows_have_one_number():
    for rows in (FILE_SOURCE_ROWS, FILE_SINK_ROWS):
        numbers = [one.number for one in rows]
        assert len(set(numbers)) == len(numbers)
