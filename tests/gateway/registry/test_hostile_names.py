"""F-PATH: no name and no reference leads to a file that is not of the registry."""

import contextlib
import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.registry import Registry, SchemaReference
from tests.gateway.test_registry import HEADER, MAPPING, write


@pytest.fixture
def site(tmp_path: Path) -> Path:
    write(tmp_path / "contracts/thing/contract.yaml", HEADER)
    write(tmp_path / "contracts/thing/1.2.0/schema.json", {"title": "thing"})
    write(tmp_path / "mappings/a-to-thing/mapping.yaml", MAPPING)
    write(tmp_path / "mappings/a-to-thing/foreign.json", {"title": "foreign"})
    write(tmp_path / "mappings/a-to-thing/accounts.csv", "a,b\n")
    return tmp_path


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "/etc/hostname", "../../../../../../../etc/passwd"]
)
def test_a_reference_from_the_root_of_the_disk_leads_to_no_file(site: Path, name: str) -> None:
    own = site / "contracts/thing/1.2.0/schema.json"
    with pytest.raises(ConfigError, match="leads to no file"):
        Registry(site).locate(name, own)


_STEPS = (
    *(
        "..",
        "../",
        "/",
        "//",
        ".",
        "./",
        "..\\",
        "\\",
        "~",
        "~root",
        "C:",
        "%2e%2e%2f",
        "..%c0%af",
    ),
    *(
        "\0",
        "\n",
        " ",
        "\x7f",
        "\u202e",
        "\ud800",
        "x" * 300,
        "x/" * 20,
        "file://",
        "link",
        "loop",
    ),
    *("common", "1.0.0", "types.json", "thing", "1.2.0", "schema.json", "contracts", "mappings"),
    *("a-to-thing", "foreign.json", "accounts.csv", "..", "../../", "../../../"),
)


@pytest.mark.parametrize("road", ["reference", "table", "schema beside a mapping"])
def test_of_ten_thousand_hostile_names_none_leads_out(site: Path, road: str) -> None:
    root = site / "contracts"
    write(root / "common/1.0.0/types.json", {"$defs": {}})
    own = root / "thing/1.2.0/schema.json"
    outside = site.parent / f"{site.name}-outside.json"
    write(outside, {"$defs": {"x": {"const": "Quillmark"}}})
    beside = site / "mappings/a-to-thing"
    for folder in (own.parent, beside):
        (folder / "link").symlink_to(outside)
        (folder / "loop").symlink_to(folder / "loop")
    registry = Registry(site)
    mapping = registry.mapping("a-to-thing")
    ways: dict[str, Callable[[str], object]] = {
        "reference": lambda name: registry.shared(registry.locate(name, own)),
        "table": mapping.table,
        "schema beside a mapping": lambda name: registry.side(
            mapping, SchemaReference(schema=name)
        ),
    }
    chance = random.Random(9)
    steps = (*_STEPS, str(outside), outside.name, "/".join([".."] * 9) + str(outside))
    found = 0
    for _ in range(10_000):
        name = chance.choice(("", "", "/")).join(chance.choices(steps, k=chance.randint(1, 5)))
        with contextlib.suppress(ConfigError):
            assert "Quillmark" not in json.dumps(ways[road](name)), ascii(name)
            found += 1
    assert found > 10
