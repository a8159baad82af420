"""Measures the mapping language: documents per CPU second, beside the same mapping in Python.

The task is a claim payment of four service lines turned into a balanced journal of about
fourteen lines with exact totals; both sides use decimals and give the same documents. They run
in turns, so that a busy machine slows both.
"""

import os
import platform
import random
import time
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from gateway.translation import Mapping, Predicate, compile_mapping, compile_predicate

__all__ = ["documents", "handwritten", "language", "run"]

_CENT: Final = Decimal("0.01")
_CASH: Final = {"ACH": "10-100", "CHK": "10-200"}
_OWED: Final = {"CI": "12-100", "MB": "12-200"}
_REDUCED: Final = {"CO": "40-100", "PR": "12-900"}

_MONEY: Final = {"type": "string", "x-money": {"scale": 2}}
_TEXT: Final = {"type": "string"}


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _array(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


_ADJUSTMENT: Final = _object(group=_TEXT, reason=_TEXT, amount=_MONEY)
_LINE: Final = _object(
    control=_TEXT, code=_TEXT, charge=_MONEY, paid=_MONEY, adjustments=_array(_ADJUSTMENT)
)
_SOURCE: Final = _object(
    payment=_object(trace=_TEXT, method=_TEXT, date=_TEXT, payer=_TEXT),
    claim=_object(
        number=_TEXT, status=_TEXT, paid=_MONEY, entity=_TEXT, plan=_TEXT, lines=_array(_LINE)
    ),
)
_ROW: Final = _object(
    seq={"type": "integer"},
    account=_TEXT,
    debit=_MONEY,
    credit=_MONEY,
    memo=_TEXT,
    entity=_TEXT,
    line=_TEXT,
)
_TARGET: Final = _object(
    id=_TEXT,
    date=_TEXT,
    period=_TEXT,
    note=_TEXT,
    lines=_array(_ROW),
    expected=_MONEY,
    totals=_object(debit=_MONEY, credit=_MONEY, difference=_MONEY, balanced={"type": "boolean"}),
    flags=_array(_TEXT),
)

_MAPPING: Final = """
mapping: bench-claim-to-journal
version: 1.0.0
source: {schema: source.json}
target: {schema: target.json}
lookups:
  cash: {ACH: "10-100", CHK: "10-200", "*": "10-900"}
  owed: {CI: "12-100", MB: "12-200", "*": "12-800"}
  reduced: {CO: "40-100", PR: "12-900", "*": "40-900"}
let:
  cash_account: lookup(cash, payment.method)
  owed_account: lookup(owed, claim.plan)
fields:
  id: concat("J-", payment.trace, "-", claim.number)
  date: payment.date
  period: left(payment.date, 7)
  note: concat(payment.payer, " / ", claim.number)
  lines:
    - each: line in claim.lines
      emit:
        - when: line.paid != 0.00
          row:
            seq: seq()
            account: cash_account
            debit: line.paid
            credit: 0.00
            memo: concat("CASH ", line.code)
            entity: claim.entity
            line: line.control
        - each: adjustment in line.adjustments
          row:
            seq: seq()
            account: lookup(reduced, adjustment.group)
            debit: adjustment.amount
            credit: 0.00
            memo: concat(adjustment.group, "-", adjustment.reason)
            entity: claim.entity
            line: line.control
        - row:
            seq: seq()
            account: owed_account
            debit: 0.00
            credit: line.charge
            memo: concat("OWED ", line.code)
            entity: claim.entity
            line: line.control
  expected: sum(round_half_up(line.charge * 0.385, 2) for line in claim.lines)
  totals:
    debit: sum(row.debit for row in out.lines)
    credit: sum(row.credit for row in out.lines)
    difference: out.totals.debit - out.totals.credit
    balanced: out.totals.debit == out.totals.credit
  flags:
    - {when: claim.paid == 0.00, row: '"ZERO_PAY"'}
    - {when: 'claim.status in ["2", "3"]', row: '"SECONDARY"'}
"""

_PREDICATE: Final = (
    'claim.status in ["1", "2", "3", "19"] and claim.paid > 500.00 '
    "and any(line.paid == 0.00 for line in claim.lines)"
)


def documents(count: int, seed: int) -> list[dict[str, Any]]:
    """Return invented claim payments of four lines whose adjustments balance."""
    randomness = random.Random(seed)  # noqa: S311  # invented amounts, nothing secret
    return [_document(randomness, number) for number in range(count)]


def _document(randomness: random.Random, number: int) -> dict[str, Any]:
    lines = [_line(randomness, number, position) for position in range(4)]
    return {
        "payment": {
            "trace": f"T{number:09}",
            "method": randomness.choice(("ACH", "CHK", "FWT")),
            "date": f"2026-{randomness.randint(1, 12):02}-{randomness.randint(1, 28):02}",
            "payer": "HARBOR HEALTH PLAN",
        },
        "claim": {
            "number": f"C{number:07}",
            "status": randomness.choice(("1", "2", "19")),
            "paid": str(sum((Decimal(line["paid"]) for line in lines), Decimal("0.00"))),
            "entity": f"E{randomness.randint(1, 4):02}",
            "plan": randomness.choice(("CI", "MB", "ZZ")),
            "lines": lines,
        },
    }


def _line(randomness: random.Random, number: int, position: int) -> dict[str, Any]:
    paid = 0 if randomness.random() < 0.2 else randomness.randint(100, 60_000)
    cuts = [randomness.randint(1, 30_000) for _ in range(randomness.randint(1, 3))]
    return {
        "control": f"{number}-{position + 1}",
        "code": randomness.choice(("99213", "80053", "71046", "J1885")),
        "charge": _cents(paid + sum(cuts)),
        "paid": _cents(paid),
        "adjustments": [
            {
                "group": randomness.choice(("CO", "PR", "PI")),
                "reason": randomness.choice(("45", "2", "96")),
                "amount": _cents(cut),
            }
            for cut in cuts
        ],
    }


def _cents(amount: int) -> str:
    return f"{amount // 100}.{amount % 100:02}"


def handwritten(document: dict[str, Any]) -> dict[str, Any]:
    """Do the mapping as a programmer would write it for this one task."""
    payment, claim = document["payment"], document["claim"]
    cash = _CASH.get(payment["method"], "10-900")
    owed = _OWED.get(claim["plan"], "12-800")
    entity = claim["entity"]
    rows: list[dict[str, Any]] = []
    debits = credits_ = expected = Decimal("0.00")

    def add(account: str, debit: Decimal, credit: Decimal, memo: str, control: str) -> None:
        rows.append(
            {
                "seq": len(rows) + 1,
                "account": account,
                "debit": str(debit),
                "credit": str(credit),
                "memo": memo,
                "entity": entity,
                "line": control,
            }
        )

    zero = Decimal("0.00")
    for line in claim["lines"]:
        paid, charge, control = Decimal(line["paid"]), Decimal(line["charge"]), line["control"]
        if paid != 0:
            add(cash, paid, zero, f"CASH {line['code']}", control)
            debits += paid
        for adjustment in line["adjustments"]:
            amount = Decimal(adjustment["amount"])
            account = _REDUCED.get(adjustment["group"], "40-900")
            memo = f"{adjustment['group']}-{adjustment['reason']}"
            add(account, amount, zero, memo, control)
            debits += amount
        add(owed, zero, charge, f"OWED {line['code']}", control)
        credits_ += charge
        expected += (charge * Decimal("0.385")).quantize(_CENT, rounding=ROUND_HALF_UP)
    return _finished(document, rows, (debits, credits_, expected))


def _finished(
    document: dict[str, Any], rows: list[dict[str, Any]], sums: tuple[Decimal, Decimal, Decimal]
) -> dict[str, Any]:
    payment, claim = document["payment"], document["claim"]
    debits, credits_, expected = sums
    flags = ["ZERO_PAY"] if Decimal(claim["paid"]) == 0 else []
    if claim["status"] in {"2", "3"}:
        flags.append("SECONDARY")
    return {
        "id": f"J-{payment['trace']}-{claim['number']}",
        "date": payment["date"],
        "period": payment["date"][:7],
        "note": f"{payment['payer']} / {claim['number']}",
        "lines": rows,
        "expected": str(expected),
        "totals": {
            "debit": str(debits),
            "credit": str(credits_),
            "difference": str(debits - credits_),
            "balanced": debits == credits_,
        },
        "flags": flags,
    }


def language() -> tuple[Mapping, Predicate]:
    """Return the mapping and the condition that are measured."""
    mapping = compile_mapping(
        _MAPPING,
        source_schema=_SOURCE,
        target_schema=_TARGET,
        tables=lambda name: name,
        file="bench.yaml",
    )
    return mapping, compile_predicate(_PREDICATE, _SOURCE)


def _cpu_seconds(work: Callable[[dict[str, Any]], Any], documents: list[dict[str, Any]]) -> float:
    before = time.process_time()
    for document in documents:
        work(document)
    return time.process_time() - before


def run(*, documents_per_turn: int = 500, turns: int = 20, seed: int = 7) -> dict[str, Any]:
    """Return {"bench", "figures", "ratios", "machine"}.

    Figures: `docs_per_cpu_s` and `handwritten_docs_per_cpu_s` (claim payments),
    `predicates_per_cpu_s` (conditions with three parts and a loop), `compile_ms`. Ratio:
    `vs_handwritten`, ours over the other. All in CPU time, best turn of each.
    """
    started = time.process_time()
    mapping, predicate = language()
    compile_seconds = time.process_time() - started
    invented = documents(documents_per_turn, seed)
    works: dict[str, Callable[[dict[str, Any]], Any]] = {
        "docs": lambda document: mapping.run(document, {}),
        "handwritten": handwritten,
        "predicates": lambda document: predicate.test(document, {}),
    }
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(turns):
        for name, work in works.items():
            seconds[name].append(_cpu_seconds(work, invented))
    rates = {name: len(invented) / min(taken) for name, taken in seconds.items()}
    pairs = sorted(
        other / ours for ours, other in zip(seconds["docs"], seconds["handwritten"], strict=True)
    )
    return {
        "bench": "mapping",
        "figures": {
            "docs_per_cpu_s": round(rates["docs"], 1),
            "handwritten_docs_per_cpu_s": round(rates["handwritten"], 1),
            "predicates_per_cpu_s": round(rates["predicates"], 1),
            "compile_ms": round(compile_seconds * 1_000, 2),
        },
        "ratios": {"vs_handwritten": round(pairs[len(pairs) // 2], 3)},
        "machine": {
            "cpus": os.cpu_count(),
            "python": platform.python_version(),
            "system": platform.system(),
        },
    }
