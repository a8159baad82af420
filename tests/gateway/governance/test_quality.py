"""Quality rules: equations over a document, places where they fail, what a partner says of it."""

from pathlib import Path
from typing import Any

import pytest

from gateway.errors import ConfigError, NotFound
from gateway.governance.quality import (
    Outcome,
    Partners,
    Quality,
    compile_quality,
    read_partners,
    worst,
)
from gateway.registry import Registry, starter_root
from gateway.settings import load
from tests.gateway.governance.sites import receipt, receipt_site

ADDS_UP = """\
rules:
  lines-add-up:
    description: The lines make up the amount.
    that: sum(line.amount for line in lines?) == amount
    outcome: reject
  line-is-paid:
    description: No line is without money.
    each: line in lines?
    when: line.code != "FREE"
    that: line.amount > 0.00
    severity: warning
"""


def quality(root: Path, text: str = ADDS_UP) -> Quality:
    registry = receipt_site(root)
    (root / "contracts/receipt/quality.yaml").write_text(text)
    return compile_quality(registry, "receipt", "1.0.0")


def found(rules: Quality, document: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(one.rule, one.pointer, one.code) for one in rules.judge(document)]


def test_a_document_that_adds_up_is_not_mentioned(tmp_path: Path) -> None:
    findings = quality(tmp_path).judge(receipt())
    assert findings == ()
    assert worst(findings) is Outcome.PASS


def test_one_cent_is_found(tmp_path: Path) -> None:
    rules = quality(tmp_path)
    assert found(rules, receipt() | {"amount": "12.51"}) == [("lines-add-up", "", "RULE_BROKEN")]
    large = receipt() | {
        "amount": "9999999999999.99",
        "lines": [{"code": "A", "amount": "9999999999999.98"}],
    }
    assert found(rules, large) == [("lines-add-up", "", "RULE_BROKEN")]


def test_a_rule_for_each_item_names_the_item(tmp_path: Path) -> None:
    lines = [
        {"code": "A", "amount": "12.50"},
        {"code": "B", "amount": "0.00"},
        {"code": "FREE", "amount": "0.00"},
        {"code": "C", "amount": "0.00"},
    ]
    assert found(quality(tmp_path), receipt() | {"lines": lines}) == [
        ("line-is-paid", "/lines/1", "RULE_BROKEN"),
        ("line-is-paid", "/lines/3", "RULE_BROKEN"),
    ]


def test_arrays_in_arrays_have_both_positions() -> None:
    rules = compile_quality(Registry(starter_root()), "remittance-advice")
    lines = [{"charge": "10.00", "paid": "10.00"}, {"charge": "10.00", "paid": "9.99"}]
    claims = [
        {"charge": "5.00", "paid": "5.00"},
        {"charge": "20.00", "paid": "19.99", "service_lines": lines},
    ]
    document = {
        "payment": {"amount": "24.99"},
        "claims": claims,
        "balance": {"claims_paid_total": "24.99", "plb_total": "0.00", "payment_amount": "24.99"},
    }
    assert found(rules, document) == [
        ("claim-adds-up", "/claims/1", "RULE_BROKEN"),
        ("line-adds-up", "/claims/1/service_lines/1", "RULE_BROKEN"),
    ]


def test_a_partner_decides_what_follows(tmp_path: Path) -> None:
    rules = quality(tmp_path)
    text = "partners:\n  quay:\n    receipt: {lines-add-up: pass, line-is-paid: reject}\n"
    partners = read_partners(load(text, file="quality.yaml"), rules=lambda _name: rules.names)
    wrong = receipt() | {"amount": "1.00"}
    assert worst(rules.judge(wrong, partners.of("other", "receipt"))) is Outcome.REJECT
    assert worst(rules.judge(wrong, partners.of("quay", "receipt"))) is Outcome.PASS
    zero = receipt() | {"amount": "0.00", "lines": [{"code": "A", "amount": "0.00"}]}
    assert worst(rules.judge(zero)) is Outcome.WARN
    assert worst(rules.judge(zero, partners.of("quay", "receipt"))) is Outcome.REJECT
    assert Partners().of("quay", "receipt") == {}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("partners:\n  quay:\n    receipt: {adds-up: warn}\n", "quality.yaml:3: receipt has no"),
        ("partners:\n  quay:\n    receipt: {lines-add-up: ignore}\n", "quality.yaml:3: "),
        ("partner: {}\n", "quality.yaml:1: "),
        ("partners:\n  quay:\n    receit: {lines-add-up: warn}\n", "quality.yaml:3: There is no"),
    ],
)
def test_a_wrong_word_about_a_rule_is_named_with_its_line(text: str, reason: str) -> None:
    def rules(contract: str) -> frozenset[str]:
        if contract != "receipt":
            raise NotFound(f"There is no contract '{contract}'.")
        return frozenset({"lines-add-up"})

    with pytest.raises(ConfigError, match=reason):
        read_partners(load(text, file="quality.yaml"), rules=rules)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("== amount", "== amont", "quality.yaml:2: .*PATH_UNKNOWN.*rule lines-add-up"),
        ("each: line in lines?", "each: lines", "quality.yaml:6: 'each' reads"),
        ("line.amount > 0.00", "line.code > 0.00", "quality.yaml:6: .*TYPE_MISMATCH"),
        ("== amount", "- amount", "quality.yaml:2: "),
        ("outcome: reject", "outcome: refuse", "quality.yaml:5: "),
        ("    outcome: reject\n", "    outcom: reject\n", "quality.yaml:5: "),
        ("lines-add-up", "Lines add up", "quality.yaml:2: "),
    ],
)
def test_a_wrong_rule_is_named_with_its_line(
    tmp_path: Path, old: str, new: str, reason: str
) -> None:
    with pytest.raises(ConfigError, match=reason):
        quality(tmp_path, ADDS_UP.replace(old, new, 1))


def test_a_rule_that_cannot_be_worked_out_says_where_and_why(tmp_path: Path) -> None:
    text = ADDS_UP.replace("line in lines?", "line in lines").replace(
        "line.amount > 0.00", 'lookup(x, line.code) == "y"'
    )
    with pytest.raises(ConfigError):
        quality(tmp_path, text)
    plain = quality(tmp_path, ADDS_UP.replace("sum(line.amount for line in lines?)", "amount"))
    without = {key: value for key, value in receipt().items() if key != "amount"}
    assert found(plain, without)[0] == ("lines-add-up", "/amount", "PATH_ABSENT")


def test_a_rule_knows_what_it_reads(tmp_path: Path) -> None:
    reads = {rule.name: rule.reads for rule in quality(tmp_path).rules}
    assert "/amount" in reads["lines-add-up"]
    assert "/lines/*/amount" in reads["line-is-paid"]


def test_a_contract_without_a_file_has_no_rules(tmp_path: Path) -> None:
    assert compile_quality(receipt_site(tmp_path), "receipt").rules == ()
