"""The example interfaces of http_api are interfaces that `remithub check` has nothing against."""

import shutil
from pathlib import Path

import pytest

import connectors.http_api
from gateway.cli.checking import Weight, troubles

EXAMPLES = sorted((Path(connectors.http_api.__file__).parent / "examples").glob("*.yaml"))
SECRETS = {"REMITHUB_SECRET_TRYTON_APPLICATION_KEY": "k", "REMITHUB_SECRET_SAP_CLIENT_SECRET": "s"}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_a_whole_interface(example, tmp_path):
    interfaces = tmp_path / "config" / "interfaces"
    interfaces.mkdir(parents=True)
    name = next(
        line.partition(":")[2].strip()
        for line in example.read_text("utf-8").splitlines()
        if line.startswith("interface:")
    )
    shutil.copy(example, interfaces / f"{name}.yaml")
    found = [one for one in troubles(tmp_path, SECRETS) if one.weight is Weight.FAILURE]
    assert found == []


def test_there_are_examples():
    assert {path.stem for path in EXAMPLES} >= {"sap-journals", "tryton-journals"}
