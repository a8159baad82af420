"""Migrations between majors: checked against both schemas, proved on documents, chained."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import ConfigError, NotFound
from gateway.governance.migrations import Migrations, compile_migrations
from gateway.registry import Registry, starter_root
from gateway.translation import MappingError, Untranslatable
from tests.gateway.governance.sites import DOWN, UP, fields, receipt, receipt_site, write_version


def migrations(root: Path, **texts: str) -> Migrations:
    return compile_migrations(receipt_site(root, **texts), "receipt")


def codes(found: Migrations, document: dict[str, Any], major: int = 1) -> set[tuple[str, str]]:
    return {(one.code, one.pointer) for one in found.examine(document, major)}


def test_a_document_is_renamed_and_split_and_comes_back_the_same(tmp_path: Path) -> None:
    found = migrations(tmp_path)
    before = json.dumps(receipt())
    document = receipt()
    up = found.convert(document, "1.0.0", "2.0.0")
    assert up["total"] == "12.50"
    assert up["payer"] == {"kind": "P", "name": "Wren Tallow"}
    assert up["lines"] == document["lines"]
    assert found.convert(up, "2", "1") == document
    assert json.dumps(document) == before


def test_what_only_the_new_major_knows_may_go_on_the_way_back(tmp_path: Path) -> None:
    found = migrations(tmp_path)
    assert found.examine(receipt(), 1) == []
    up = found.convert(receipt(), "1", "2") | {"till": "7"}
    # 2.x has `till` and 1.x does not: to come back without it is no loss that 1.x could prevent.
    assert found.examine(up, 2) == []


def test_a_version_of_the_same_major_is_left_alone(tmp_path: Path) -> None:
    document = receipt()
    assert migrations(tmp_path).convert(document, "1.0.0", "1.7.0") is document


MONEY = st.decimals(-99999, 99999, places=2).map(lambda amount: f"{amount + 0:.2f}")
WORDS = st.text(st.characters(codec="ascii", categories=["L", "N", "Zs"]), max_size=20)
LINES = st.lists(st.fixed_dictionaries({"code": WORDS, "amount": MONEY}), max_size=4)
RECEIPTS = st.fixed_dictionaries(
    {"id": WORDS, "amount": MONEY, "payer": WORDS.map(lambda name: f"P:{name}")},
    optional={"note": WORDS, "lines": LINES},
)


@pytest.fixture(scope="module")
def receipts(tmp_path_factory: pytest.TempPathFactory) -> Migrations:
    """The migrations of the made-up contract, compiled once."""
    return migrations(tmp_path_factory.mktemp("receipts"))


@given(RECEIPTS)
@settings(max_examples=150, deadline=None)
def test_any_document_comes_back_the_same(receipts: Migrations, document: dict[str, Any]) -> None:
    assert receipts.examine(document, 1) == []
    there = receipts.convert(document, "1.0.0", "2.0.0")
    assert receipts.convert(there, "2.0.0", "1.0.0") == document


@pytest.mark.parametrize(
    ("up", "down", "expected"),
    [
        (UP, DOWN.replace("amount: total", 'amount: "1.00"'), {("LOST", "/total")}),
        (
            UP.replace("total: amount", "total: amount + 0.01"),
            DOWN,
            {("ROUND_TRIP", "/amount"), ("LOST", "/total")},
        ),
        (
            UP,
            DOWN.replace("drop: [total,", "drop: [note, total,"),
            {("LOST", "/note")},
        ),
        (UP, "", {("NO_WAY_BACK", "")}),
        (
            UP.replace("left(payer, 1)", "left(payer, 2)"),
            DOWN,
            {
                ("TARGET_BROKEN", "/payer/kind"),
                ("ROUND_TRIP", "/payer"),
                ("LOST", "/payer/name"),
            },
        ),
    ],
)
def test_a_migration_that_loses_something_is_named_with_the_place(
    tmp_path: Path, up: str, down: str, expected: set[tuple[str, str]]
) -> None:
    found = migrations(tmp_path, up=up, down=down)
    assert codes(found, receipt() | {"note": "by hand"}) == expected


def test_a_field_that_the_old_major_needs_and_the_new_one_dropped_may_be_a_constant(
    tmp_path: Path,
) -> None:
    receipt_site(
        tmp_path,
        up=UP.replace("drop: [amount", "drop: [channel, amount"),
        down=DOWN + "  channel: '\"till\"'\n",
    )
    old = {**fields(1), "channel": fields(1)["id"]}
    write_version(tmp_path, "1.0.0", old, required=("id", "amount", "payer", "channel"))
    found = compile_migrations(Registry(starter_root(), tmp_path), "receipt")
    assert found.examine(receipt() | {"channel": "portal"}, 1) == []


def test_a_document_a_migration_refuses_is_told_by_code(tmp_path: Path) -> None:
    strict = UP + "assert:\n  - {that: total > 0.00, else: NOTHING_PAID}\n"
    found = migrations(tmp_path, up=strict)
    document = receipt() | {"amount": "0.00"}
    assert codes(found, document) == {("NOTHING_PAID", "")}
    with pytest.raises(Untranslatable):
        found.convert(document, "1", "2")


def test_steps_are_chained_over_majors(tmp_path: Path) -> None:
    receipt_site(tmp_path)
    base = tmp_path / "contracts/receipt"
    three = {("sum" if key == "total" else key): value for key, value in fields(2).items()}
    write_version(tmp_path, "3.0.0", three, required=("id", "sum", "payer"))
    for name, old, new in (("2-to-3", "total", "sum"), ("3-to-2", "sum", "total")):
        start, end = name[0], name[-1]
        (base / f"migrations/{name}.yaml").write_text(
            f"mapping: receipt-{name}\nversion: 1.0.0\n"
            f'source: {{contract: receipt, version: "^{start}"}}\n'
            f'target: {{contract: receipt, version: "^{end}"}}\n'
            f"base: input\ndrop: [{old}]\nfields: {{{new}: {old}}}\n"
        )
    found = compile_migrations(Registry(starter_root(), tmp_path), "receipt")
    assert found.path(1, 3) == ((1, 2), (2, 3))
    top = found.convert(receipt(), "1.0.0", "3.0.0")
    assert top["sum"] == "12.50"
    assert found.convert(top, "3", "1") == receipt()
    assert found.majors == {1, 2, 3}


def test_a_way_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"No migration of receipt leads from 1\.x to 4\.x"):
        migrations(tmp_path).convert(receipt(), "1", "4")
    with pytest.raises(NotFound, match="'new' is no version"):
        migrations(tmp_path).convert(receipt(), "1", "new")


@pytest.mark.parametrize(
    ("up", "reason"),
    [
        (UP.replace("total: amount", "totl: amount"), "TARGET_UNKNOWN"),
        (UP.replace("total: amount", "total: amont"), "PATH_UNKNOWN"),
        (UP.replace("  total: amount\n", ""), "TARGET_MISSING"),
        (UP.replace('version: "^2"', 'version: "^3"'), "say so in source and target"),
        (UP.replace('contract: receipt, version: "^1"', "any: true"), "say so in source"),
    ],
)
def test_a_migration_is_checked_against_both_schemas(tmp_path: Path, up: str, reason: str) -> None:
    with pytest.raises((ConfigError, MappingError), match=reason) as caught:
        migrations(tmp_path, up=up)
    assert caught.value.file == "contracts/receipt/migrations/1-to-2.yaml"
    assert caught.value.line > 0


def test_a_patients_name_does_not_move_into_a_field_without_phi(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="PHI_LEAK"):
        migrations(tmp_path, up=UP + "  note: payer\n")
