"""What is built twice: interfaces of the same work, one mapping under two names."""

import pytest

from gateway.governance.sprawl import (
    Link,
    interface_sprawl,
    mapping_sprawl,
    normal_form,
    system_of,
)


def link(name: str, **changes: str) -> Link:
    facts = {"system": "bank.example:22", "contract": "bank-deposit", "direction": "in"} | changes
    return Link(interface=name, **facts)


def pairs(*links: Link) -> list[tuple[str, str]]:
    return [(one.first, one.second) for one in interface_sprawl(links)]


def test_two_interfaces_of_the_same_work_are_named_together() -> None:
    (found,) = interface_sprawl([link("b"), link("a")])
    assert (found.first, found.second) == ("a", "b")
    assert found.words == ("interfaces 'a' and 'b' both carry bank-deposit in at bank.example:22")


@pytest.mark.parametrize(
    "changes",
    [
        {"system": "other.example:22"},
        {"contract": "remittance-advice"},
        {"direction": "out"},
    ],
)
def test_what_differs_in_one_of_them_is_other_work(changes: dict[str, str]) -> None:
    assert pairs(link("a"), link("b", **changes)) == []


def test_three_of_a_kind_are_three_pairs_and_an_unknown_system_is_none() -> None:
    assert pairs(link("a"), link("b"), link("c")) == [("a", "b"), ("a", "c"), ("b", "c")]
    assert pairs(link("a", system=""), link("b", system="")) == []


@pytest.mark.parametrize(
    ("options", "system"),
    [
        ({"base_url": "https://ERP.example/api/v1"}, "erp.example:443"),
        ({"base_url": "http://erp.example:8080"}, "erp.example:8080"),
        ({"base_url": "https://erp.example:443/other"}, "erp.example:443"),
        ({"base_url": "https://[bad"}, ""),
        ({"base_url": "https://erp.example:port"}, ""),
        ({"url": "https://hook.example"}, "hook.example:443"),
        ({"host": "SFTP.example", "port": 22, "path": "/in"}, "sftp.example:22"),
        ({"host": "sftp.example"}, "sftp.example"),
        ({"path": "/srv/drop/"}, "/srv/drop"),
        ({}, ""),
    ],
)
def test_a_system_is_where_the_options_lead(options: dict[str, object], system: str) -> None:
    assert system_of(options) == system


ONE = """\
# One.
mapping: one
version: 1.0.0
description: The first.
source: {contract: parcel, version: "^1.0"}
target: {schema: out.json}
fields:
  weight: grams * 2
  things:
    - each: thing in inside
      row: {name: thing.name, more: "concat(thing.name, 'a  b')"}
  total: sum(x.grams for x in inside)
"""
TWO = """\
mapping: two
version: 3.1.0
target: {schema: "out.json"}
source: {contract: parcel, version: "^2.0"}
fields:
  total: "sum( part.grams  for part in inside )"
  things:
    - row: {more: "concat(t.name,'a  b')", name: t.name}
      each: "t in inside"
  weight: grams*2
"""


def test_one_mapping_under_two_names_is_found_however_it_is_written() -> None:
    (found,) = mapping_sprawl({"two": TWO, "one": ONE})
    assert (found.first, found.second) == ("one", "two")
    assert "the same mapping" in found.words


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("grams*2", "grams*3"),
        ("'a  b'", "'a b'"),
        ("t.name,", "t.title,"),
        ("contract: parcel", "contract: box"),
        ("out.json", "other.json"),
        ("part.grams ", "grams "),
        ("  weight: grams*2\n", ""),
    ],
)
def test_what_does_something_else_is_another_mapping(old: str, new: str) -> None:
    assert old in TWO
    assert mapping_sprawl({"one": ONE, "two": TWO.replace(old, new)}) == []


def test_a_normal_form_is_its_own() -> None:
    assert normal_form(ONE) == normal_form(
        ONE.replace("thing", "stuff").replace("stuffs:", "things:")
    )
