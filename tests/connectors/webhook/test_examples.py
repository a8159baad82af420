"""The example interface of webhook is one that `remithub check` has nothing against."""

import shutil
from pathlib import Path

import pytest
import yaml

import connectors.webhook
from connectors.webhook import SCHEDULE_SECONDS
from gateway.cli.checking import Weight, troubles

EXAMPLES = sorted((Path(connectors.webhook.__file__).parent / "examples").glob("*.yaml"))
NAMES = ("BILLING_WEBHOOK_KEY", "QUAY_WEBHOOK_KEY_NEW", "QUAY_WEBHOOK_KEY_OLD")
SECRETS = {f"REMITHUB_SECRET_{name}": "whsec_" + "A" * 32 for name in NAMES}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_a_whole_interface(example, tmp_path):
    interfaces = tmp_path / "config" / "interfaces"
    interfaces.mkdir(parents=True)
    name = yaml.safe_load(example.read_text("utf-8"))["interface"]
    shutil.copy(example, interfaces / f"{name}.yaml")
    found = [one for one in troubles(tmp_path, SECRETS) if one.weight is Weight.FAILURE]
    assert found == []


def test_the_example_retries_as_standard_webhooks_suggests():
    [example] = [path for path in EXAMPLES if path.stem == "subscription"]
    told = yaml.safe_load(example.read_text("utf-8"))
    assert tuple(told["retry"]["schedule_seconds"]) == SCHEDULE_SECONDS
    assert sum(SCHEDULE_SECONDS) == 75 * 3600 + 35 * 60 + 5
