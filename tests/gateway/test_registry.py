"""The registry: finds versions and mappings, bundles shared types, names file and line of a fault."""

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import ConfigError, NotFound
from gateway.registry import Registry, Version, starter_root

HEADER = """\
id: com.example.thing
name: thing
title: Thing
owner: team
support: desk
status: active
compatibility: FULL_TRANSITIVE
classification: internal
retention_days: 30
versions:
  "1.10.0": draft
"""
MAPPING = """\
mapping: a-to-thing
version: 1.20
source: {contract: thing, version: "^1.0"}
target: {schema: foreign.json}
"""


def write(file: Path, body: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(body if isinstance(body, str) else json.dumps(body))


@pytest.fixture
def site(tmp_path: Path) -> Path:
    contracts = tmp_path / "contracts"
    write(contracts / "thing/contract.yaml", HEADER)
    for version in ("0.9.0", "1.2.0", "1.9.0", "1.10.0"):
        write(contracts / f"thing/{version}/schema.json", {"title": version})
    write(tmp_path / "mappings/a-to-thing/mapping.yaml", MAPPING)
    write(tmp_path / "mappings/a-to-thing/foreign.json", {"title": "foreign"})
    write(tmp_path / "mappings/a-to-thing/accounts.csv", "CO,NO,00123\n")
    return tmp_path


@pytest.mark.parametrize(
    ("version", "wanted", "fits"),
    [
        ("1.4.2", "1.4.2", True),
        ("1.4.2", "1.4.3", False),
        ("1.4.2", "^1.4", True),
        ("1.4.2", "^1", True),
        ("1.4.2", "^1.5", False),
        ("2.0.0", "^1.4", False),
        ("0.1.7", "^0.1", True),
        ("0.2.0", "^0.1", False),
        ("0.2.0", "^0", True),
        ("1.10.0", "^1.9", True),
        ("1.4.2", "*", True),
    ],
)
def test_a_caret_keeps_what_is_compatible(version: str, wanted: str, fits: bool) -> None:
    number = Version.parse(version)
    assert number is not None
    assert number.satisfies(wanted) is fits


def test_the_newest_fitting_version_is_found_by_number_not_by_text(site: Path) -> None:
    registry = Registry(site)
    assert registry.contract("thing", "^1.2").version == "1.9.0"
    assert registry.contract("thing", "^1.10").version == "1.10.0"
    assert registry.contract("thing", "^0.9").version == "0.9.0"
    assert registry.contract("thing", "1.2.0").identity == "thing/1.2.0"
    assert [one.version for one in registry.contracts()] == ["0.9.0", "1.2.0", "1.9.0", "1.10.0"]
    assert [one.status for one in registry.contracts()] == ["active", "active", "active", "draft"]


def test_a_draft_beside_a_version_in_force_moves_nobody(site: Path) -> None:
    header = (
        HEADER
        + '  "2.0.0": draft\n  "0.9.0": {status: retired, retired_at: "2026-01-01T00:00:00Z"}\n'
    )
    write(site / "contracts/thing/contract.yaml", header)
    write(site / "contracts/thing/2.0.0/schema.json", {"title": "2.0.0"})
    registry = Registry(site)
    assert registry.contract("thing").version == "1.9.0"
    assert registry.contract("thing", "^2.0").version == "2.0.0"
    assert registry.contract("thing", "0.9.0").record.retired_at == "2026-01-01T00:00:00Z"
    write(site / "contracts/thing/contract.yaml", HEADER.replace("active", "deprecated"))
    assert Registry(site).contract("thing").version == "2.0.0"


def test_migrations_and_quality_rules_are_found_by_contract(site: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    for name in ("2-to-1", "1-to-2", "2-to-3"):
        write(site / f"contracts/thing/migrations/{name}.yaml", "mapping: m\n")
    write(own / "contracts/thing/migrations/1-to-2.yaml", "mapping: own\n")
    write(own / "contracts/thing/quality.yaml", "rules: {}\n")
    registry = Registry(site, own)
    found = registry.migrations("thing")
    assert [(one.old, one.new, one.text) for one in found] == [
        (1, 2, "mapping: own\n"),
        (2, 1, "mapping: m\n"),
        (2, 3, "mapping: m\n"),
    ]
    assert found[0].place == "thing/migrations/1-to-2.yaml"
    assert registry.quality("thing") == own / "contracts/thing/quality.yaml"
    assert Registry(site).quality("thing") is None
    for outside in ("../contracts/thing", "none"):
        assert registry.migrations(outside) == []
        assert registry.quality(outside) is None


@pytest.mark.parametrize("name", ["up", "1-to-1", "01-to-2", "1.0-to-2.0"])
def test_a_migration_is_named_after_two_majors(site: Path, name: str) -> None:
    write(site / f"contracts/thing/migrations/{name}.yaml", "mapping: m\n")
    with pytest.raises(ConfigError, match="named after two majors"):
        Registry(site).migrations("thing")


def test_what_is_not_there_is_named_with_what_is_close(site: Path) -> None:
    registry = Registry(site)
    with pytest.raises(NotFound, match="Did you mean 'thing'"):
        registry.contract("thnig")
    with pytest.raises(NotFound, match=r"no version '\^3\.0'; there are 0\.9\.0, 1\.2\.0"):
        registry.contract("thing", "^3.0")
    with pytest.raises(NotFound, match="Did you mean 'a-to-thing'"):
        registry.mapping("a-to-things")


def test_a_mapping_is_found_with_its_schemas_and_tables(site: Path) -> None:
    registry = Registry(site)
    mapping = registry.mapping("a-to-thing")
    assert (mapping.version, mapping.text) == ("1.20", MAPPING)
    assert registry.source_schema(mapping) == {"title": "1.9.0"}
    assert registry.target_schema(mapping) == {"title": "foreign"}
    assert mapping.table("accounts.csv") == "CO,NO,00123\n"
    for outside in ("nothing.csv", "../../contracts/thing/contract.yaml"):
        with pytest.raises(ConfigError, match="there is no table"):
            mapping.table(outside)


def test_a_format_has_the_shape_of_its_contract_and_an_unknown_one_is_not_checked(
    tmp_path: Path,
) -> None:
    text = "version: 1.0.0\nsource: {format: x12-835}\ntarget: {any: true}\n"
    write(tmp_path / "mappings/quirks/mapping.yaml", text)
    registry = Registry(starter_root(), tmp_path)
    mapping = registry.mapping("quirks")
    assert registry.source_schema(mapping) == registry.bundled_schema("remittance-advice")
    assert registry.target_schema(mapping) is None


def test_a_site_adds_versions_and_replaces_mappings(site: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    write(own / "contracts/thing/contract.yaml", HEADER)
    write(own / "contracts/thing/2.0.0/schema.json", {"title": "2.0.0"})
    write(own / "mappings/a-to-thing/mapping.yaml", "version: 9.0\n")
    registry = Registry(site, own)
    assert registry.contract("thing").version == "2.0.0"
    assert registry.mapping("a-to-thing").version == "9.0"
    assert len(registry.contracts()) == 5


def test_one_version_in_two_roots_may_not_differ(site: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    write(own / "contracts/thing/contract.yaml", HEADER)
    write(own / "contracts/thing/1.2.0/schema.json", {"title": "1.2.0"})
    assert len(Registry(site, own).contracts()) == 4
    write(own / "contracts/thing/1.2.0/schema.json", {"title": "other"})
    with pytest.raises(ConfigError, match="is there twice and differs"):
        Registry(site, own).contracts()


def test_shared_types_move_into_the_schema_that_uses_them(site: Path) -> None:
    common = site / "contracts/common/1.0.0"
    write(common / "a.json", {"$defs": {"x": {"$ref": "b.json#/$defs/y"}, "unused": {}}})
    write(common / "b.json", {"$defs": {"y": {"items": {"$ref": "#/$defs/y"}}}})
    schema = {
        "properties": {"p": {"$ref": "../../common/1.0.0/a.json#/$defs/x", "title": "kept"}},
        "$defs": {"own": {"$ref": "../../common/1.0.0/b.json#/$defs/y"}},
    }
    write(site / "contracts/thing/1.2.0/schema.json", schema)
    assert Registry(site).bundled_schema("thing", "1.2.0") == {
        "properties": {"p": {"$ref": "#/$defs/x", "title": "kept"}},
        "$defs": {
            "x": {"$ref": "#/$defs/y"},
            "y": {"items": {"$ref": "#/$defs/y"}},
            "own": {"$ref": "#/$defs/y"},
        },
    }


def test_a_sites_contract_uses_the_shared_types_of_the_program(site: Path) -> None:
    schema = {"properties": {"p": {"$ref": "../../common/1.0.0/money.json#/$defs/money"}}}
    write(site / "contracts/thing/1.2.0/schema.json", schema)
    bundled = Registry(starter_root(), site).bundled_schema("thing", "1.2.0")
    assert bundled["$defs"]["money"]["x-money"] == {"scale": 2}


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        ("../../common/1.0.0/none.json#/$defs/x", "leads to no file"),
        ("#/$defs/none", "there is no 'none'"),
        ("#/properties/p", "must end in"),
        ("https://elsewhere.example/x.json#/$defs/x", "leads to no file"),
    ],
)
def test_a_reference_to_nowhere_is_named(site: Path, reference: str, reason: str) -> None:
    schema = {"properties": {"p": {"$ref": reference}}}
    write(site / "contracts/thing/1.2.0/schema.json", schema)
    with pytest.raises(ConfigError, match=f"schema.json: .*{reason}"):
        Registry(site).bundled_schema("thing", "1.2.0")


def test_two_types_of_one_name_are_refused(site: Path) -> None:
    common = site / "contracts/common/1.0.0"
    write(common / "a.json", {"$defs": {"x": {}}})
    schema = {
        "properties": {"p": {"$ref": "../../common/1.0.0/a.json#/$defs/x"}},
        "$defs": {"x": {"type": "string"}},
    }
    write(site / "contracts/thing/1.2.0/schema.json", schema)
    with pytest.raises(ConfigError, match="'x' names two types"):
        Registry(site).bundled_schema("thing", "1.2.0")


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (HEADER + "colour: red\n", "unknown field `colour`"),
        (HEADER.replace("owner: team\n", ""), "missing required field `owner`"),
        (HEADER.replace("30", "soon"), "retention_days"),
        (HEADER.replace("name: thing", "name: other"), "name differs"),
        (HEADER + "title: Again\n", "contract.yaml:12: 'title' is there twice"),
        ("- a\n", "contract.yaml:1: this is no YAML mapping"),
        ("a: [\n", "contract.yaml:2: "),
        ("a: \x00\n", "no readable YAML"),
    ],
)
def test_a_wrong_header_names_file_and_reason(site: Path, header: str, reason: str) -> None:
    write(site / "contracts/thing/contract.yaml", header)
    with pytest.raises(ConfigError) as caught:
        Registry(site).contracts()
    assert "contract.yaml" in str(caught.value)
    assert reason in str(caught.value)


@pytest.mark.parametrize(("body", "line"), [('{\n "a": }', 2), ("[]", 1)])
def test_a_wrong_schema_file_names_file_and_line(site: Path, body: str, line: int) -> None:
    write(site / "contracts/thing/1.2.0/schema.json", body)
    with pytest.raises(ConfigError) as caught:
        Registry(site).contracts()
    assert caught.value.line == line
    assert caught.value.file.endswith("thing/1.2.0/schema.json")


def test_a_folder_that_is_no_version_is_named(site: Path) -> None:
    write(site / "contracts/thing/v2/schema.json", {})
    with pytest.raises(ConfigError, match="no version"):
        Registry(site).contracts()


def test_the_program_brings_its_own_contracts() -> None:
    names = {contract.name for contract in Registry(starter_root()).contracts()}
    assert {"remittance-advice", "acknowledgement", "journal-entry"} <= names


@pytest.mark.parametrize(
    "reference",
    [
        "../../../elsewhere/other.json",
        "/etc/hostname",
        "file:///etc/hostname",
        "http://127.0.0.1/x",
        "\0.json",
        "x" * 5_000,
    ],
)
def test_a_reference_shows_no_other_file_of_the_disk(tmp_path: Path, reference: str) -> None:
    other = tmp_path / "elsewhere/other.json"
    version = tmp_path / "root/contracts/thing/1.0.0"
    for folder in (other.parent, version):
        folder.mkdir(parents=True)
    other.write_text('{"$defs": {"x": {"const": "Quillmark"}}}')
    (version.parent / "contract.yaml").write_text(HEADER)
    (version / "schema.json").write_text(json.dumps({"$ref": f"../{reference}#/$defs/x"}))
    with pytest.raises(ConfigError, match="leads to no file") as caught:
        Registry(tmp_path / "root").bundled_schema("thing")
    assert "Quillmark" not in str(caught.value)


def test_a_mapping_reads_schemas_beside_it_only(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text("{}")
    folder = tmp_path / "mappings/m"
    folder.mkdir(parents=True)
    text = "version: 1.0.0\nsource: {schema: ../../other.json}\ntarget: {any: 'true'}\n"
    (folder / "mapping.yaml").write_text(text)
    registry = Registry(tmp_path)
    with pytest.raises(ConfigError, match="beside its mapping"):
        registry.source_schema(registry.mapping("m"))


@pytest.mark.parametrize("body", ["a: &a [x]\nb: *a\n", "a: " + "[" * 5000 + "]" * 5000])
def test_a_file_that_would_grow_without_end_is_refused(tmp_path: Path, body: str) -> None:
    for place in ("mappings/m/mapping.yaml", "contracts/thing/contract.yaml"):
        (tmp_path / place).parent.mkdir(parents=True)
        (tmp_path / place).write_text(body)
    with pytest.raises(ConfigError):
        Registry(tmp_path).mappings()
    with pytest.raises(ConfigError):
        Registry(tmp_path).contracts()


def test_a_schema_that_nests_without_end_is_refused(tmp_path: Path) -> None:
    version = tmp_path / "contracts/thing/1.0.0"
    version.mkdir(parents=True)
    (version.parent / "contract.yaml").write_text(HEADER)
    (version / "schema.json").write_text('{"a":' * 20_000 + "1" + "}" * 20_000)
    with pytest.raises(ConfigError, match="nested too deeply"):
        Registry(tmp_path).contracts()
