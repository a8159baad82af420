"""Agreement with what an independent lenient reader found in the shared sample files."""

import json
from functools import cache
from pathlib import Path

import pytest

from gateway.model.finding import Severity

SAMPLES = Path(__file__).resolve().parents[4] / "../shared/samples/x12"
BASE = "generated/alpha_remit_cycle2_reversals_835.x12"

pytestmark = pytest.mark.skipif(
    not (SAMPLES / "truth.json").exists(), reason="the shared samples are not on this machine"
)


@cache
def truth():
    return {one["file"]: one for one in json.loads((SAMPLES / "truth.json").read_bytes())["files"]}


def names():
    return sorted(truth()) if (SAMPLES / "truth.json").exists() else []


def sets_of(file):
    return [
        one
        for interchange in truth()[file]["interchanges"]
        for group in interchange.get("groups", ())
        for one in group.get("transactions", ())
    ]


def triplets(adjustments):
    return [(one["group_code"], one["reason_code"], one["amount"]) for one in adjustments]


def line_facts(line):
    return line["charge"], line["paid"], triplets(line["adjustments"]), line["balanced"]


def claim_facts(claim):
    return (
        claim["patient_control_number"],
        claim["status_code"],
        claim["charge"],
        claim["paid"],
        triplets(claim["adjustments"]),
        claim["balanced"],
        [line_facts(line) for line in claim["service_lines"]],
    )


def true_triplets(node):
    return [tuple(one[:3]) for one in node.get("cas", ())]


def true_claim(claim):
    lines = [
        (line["charge"], line["paid"], true_triplets(line), line["balanced"])
        for line in claim.get("services", ())
    ]
    return (
        claim.get("clp01", ""),
        claim.get("status", ""),
        claim.get("charge", "0.00"),
        claim.get("paid", "0.00"),
        true_triplets(claim),
        claim["balanced"],
        lines,
    )


@pytest.mark.parametrize("file", names())
def test_every_transaction_set_says_what_the_truth_says(read, file):
    parts = read((SAMPLES / file).read_bytes())
    remittances = [part for part in parts if part.document is not None]
    assert len(parts) == max(truth()[file]["st_count"], 1)
    balanced = sum(part.document["balance"]["balanced"] for part in remittances)
    assert balanced == truth()[file]["balanced_transactions"]
    for part, true in zip(parts, sets_of(file), strict=False):
        if true["st01"] != "835":
            assert part.error == "transaction_set_not_supported"
            continue
        document = part.document
        assert document["payment"]["amount"] == true.get("bpr", {}).get("amount", "0.00")
        trace = (true.get("trn") or [{}])[0]
        assert document["payment"]["trace_number"] == trace.get("number", "")
        assert document["payment"].get("originator_id") == trace.get("originator")
        for party in ("payer", "payee"):
            assert document[party]["name"] == true.get(party, {}).get("name", "")
            assert document[party].get("id") == true.get(party, {}).get("id")
        found = [claim_facts(claim) for claim in document["claims"]]
        assert found == [true_claim(claim) for claim in true.get("claims", ())]
        plb = [
            (one["provider_id"], one["reason_code"], one.get("reference_id"), one["amount"])
            for one in document["provider_adjustments"]
        ]
        assert plb == [
            (one["provider"], one["code"], one.get("reference"), one.get("amount", "0.00"))
            for one in true.get("plb", ())
        ]
        assert document["balance"]["balanced"] == true.get("balanced", False)
        assert part.transaction_set["segments"] == true["segment_count_actual"]


@pytest.mark.parametrize("file", [name for name in names() if name.startswith("mutated/")])
def test_a_damaged_file_reads_the_same_money_or_names_the_fault(read, file):
    base = read((SAMPLES / BASE).read_bytes())
    for part, right in zip(read((SAMPLES / file).read_bytes()), base, strict=False):
        suspect = any(one.severity is Severity.SUSPECT for one in part.findings)
        assert suspect or money(part) == money(right)


def money(part):
    claims = [claim_facts(claim) for claim in part.document["claims"]]
    return part.payment_key, claims, part.document["provider_adjustments"]
