"""`remithub inventory`: every connection, no secret; every package, in a form that others read."""

import json
import re
from importlib import metadata
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from gateway.cli.materials import bill_of_materials, packages
from tests.gateway.cli.live_verbs import Typed
from tests.gateway.live import make_root, write

ERP = """\
interface: erp
direction: out
connector: http_api
accepts: journal-entry@^0.1
settings: {base_url: "https://user:Quillmark@erp.example:8443/tenant/Quillmark"}
"""
HUB = """\
tenant: hilltop
store: {postgres: "postgresql://hub@db.example:5432/hub?sslmode=verify-full"}
access:
  proxies: [10.20.0.1]
  people: {issuer: "https://login.example", client_id: hub, public_url: "https://hub.example"}
  break_glass:
    user: warden
    secret: warden
    page: {url: "https://pager.example/Quillmark?sig=Quillmark", secrets: ["${secret:pager}"]}
"""


@pytest.fixture
def typed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Typed:
    root = make_root(tmp_path)
    write(root, "interfaces/erp.yaml", ERP)
    write(root, "clients/billing.yaml", "client: billing\nproducts: [everything]\n")
    write(root, "hub.yaml", HUB)
    return Typed(root, capsys)


def test_every_connection_is_listed_and_no_secret(typed: Typed) -> None:
    found = typed.json("inventory")
    by_name = {one["name"]: one for one in found["connections"]}
    assert set(by_name) == {
        *("intake", "claims", "acks-a", "acks-b", "drop", "erp"),
        *("billing", "store", "provider", "security-contact"),
    }
    assert by_name["security-contact"]["at"] == "pager.example"
    assert by_name["erp"]["at"] == "erp.example:8443"
    assert by_name["store"]["at"] == "db.example:5432"
    assert by_name["billing"]["origin"] == "billing"
    assert by_name["drop"]["carries"] == ["remittance-advice"]
    assert by_name["acks-b"]["by"] == "folder"
    for words in ((), ("--diagram",), ("--json",)):
        said = typed("inventory", *words)
        assert "erp.example:8443" in said
        assert "Quillmark" not in said


def test_the_diagram_has_every_connection_once(typed: Typed) -> None:
    lines = typed("inventory", "--diagram").splitlines()
    assert lines[0] == "flowchart LR"
    arrows = [line for line in lines if "-->" in line]
    assert len(arrows) == len(typed.json("inventory")["connections"])
    assert '  hub -->|"folder, remittance-advice"| n_drop' in arrows
    assert '  n_acks_b -->|"folder, acknowledgement@^1.0"| hub' in arrows


def test_the_bill_of_materials_names_every_package(typed: Typed) -> None:
    bill = json.loads(typed("inventory", "--sbom"))
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert bill["metadata"]["component"]["name"] == "remithub"
    named = {one["name"]: one for one in bill["components"]}
    for line in metadata.requires("remithub") or []:
        if "extra ==" not in line:
            (name,) = re.findall(r"^[a-z0-9.-]+", line.lower().replace("_", "-"))
            assert name in named, name
    assert "pytest" not in named
    assert all(one["purl"] == f"pkg:pypi/{one['name']}@{one['version']}" for one in named.values())
    assert len({one["bom-ref"] for one in named.values()}) == len(named)
    assert sum("licenses" in one for one in named.values()) > len(named) * 0.9
    assert bill_of_materials() == bill


def test_the_public_schema_of_cyclonedx_accepts_the_bill(typed: Typed) -> None:
    judge = JsonStrictValidator(SchemaVersion.V1_6)
    text = typed("inventory", "--sbom")
    assert judge.validate_str(text) is None
    bill = json.loads(text)
    bill["components"][0]["licenses"] = [{"license": {"id": "no-such-licence"}}]
    assert judge.validate_str(json.dumps(bill)), "the judge finds what is wrong"


def test_what_is_not_installed_has_no_packages() -> None:
    assert packages("no-such-package") == {}
