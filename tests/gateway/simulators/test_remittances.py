"""Generated remittances are the same for a seed, balance, and show every kind of trouble."""

import hashlib
import io
from collections import Counter

import pytest

from gateway.formats import READERS, Origin
from gateway.simulators.remittances import Fault, generate_835


def parts_of(**options):
    data = b"".join(generate_835(**options))
    origin = Origin(tenant_id="t", interface="i", artifact_id="a", sha256="0" * 64)
    return list(READERS["x12-835"].read(lambda: iter([data]), origin))


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others():
    def digest(seed):
        return hashlib.sha256(b"".join(generate_835(payments=30, seed=seed))).hexdigest()

    assert digest(7) == digest(7)
    assert digest(7) != digest(8)


def test_four_hundred_payments_balance_on_every_level_without_a_finding():
    parts = parts_of(payments=400, seed=3)
    assert len(parts) == 400
    assert [part.findings for part in parts if part.findings] == []
    assert all(part.document["balance"]["balanced"] for part in parts)
    assert len({part.payment_key for part in parts}) == 400


def test_every_kind_of_remittance_occurs():
    parts = parts_of(payments=400, seed=3)
    documents = [part.document for part in parts]
    claims = [claim for document in documents for claim in document["claims"]]
    assert {"1", "2", "19", "22"} <= {claim["status_code"] for claim in claims}
    assert len({document["payer"]["name"] for document in documents}) >= 5
    reasons = Counter(
        one["reason_code"] for document in documents for one in document["provider_adjustments"]
    )
    assert {"WO", "FB", "L6", "72", "CS", "CT", "J1"} <= set(reasons)
    assert any(not document["claims"] for document in documents)
    assert any(claim["adjustments"] for claim in claims)
    denied = [
        line for claim in claims for line in claim["service_lines"] if line["paid"] == "0.00"
    ]
    assert denied
    assert {document["payment"].get("method") for document in documents} >= {"ACH", "CHK", "NON"}


def test_a_reversal_negates_a_claim_paid_before():
    documents = [part.document for part in parts_of(payments=300, seed=9)]
    paid = {}
    seen = 0
    for document in documents:
        for claim in document["claims"]:
            number = claim["patient_control_number"]
            if claim["status_code"] == "22":
                assert claim["paid"] == f"-{paid[number]}"
                seen += 1
            else:
                paid[number] = claim["paid"]
    assert seen > 5


@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_the_number_of_claims_is_what_was_asked_for(count):
    parts = parts_of(payments=20, seed=2, claims_per_payment=count)
    assert {len(part.document["claims"]) for part in parts} == {count}


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault.OUT_OF_BALANCE, "payment_out_of_balance"),
        (Fault.TRUNCATED, "data_truncated"),
        (Fault.CONTROL_MISMATCH, "iea_control_mismatch"),
        (Fault.BAD_AMOUNT, "amount_unreadable"),
        (Fault.MISSING_TRACE, "trn_missing"),
    ],
)
def test_a_planted_fault_is_found(fault, code):
    parts = parts_of(payments=4, seed=2, fault=fault)
    found = {finding.code for part in parts for finding in part.findings}
    assert code in found
    assert all(finding.severity == "suspect" for finding in parts[0].findings)


def test_an_unknown_fault_is_refused():
    with pytest.raises(ValueError, match="no_such"):
        b"".join(generate_835(payments=1, seed=1, fault="no_such"))


def test_other_readers_find_no_fault_in_what_is_written():
    oxedi = pytest.importorskip("oxedi", reason="needs the extra `bench`")
    pytest.importorskip("pyx12", reason="needs the extra `bench`")
    from pyx12.params import params
    from pyx12.x12n_document import x12n_document

    assert len(oxedi.parse(b"".join(generate_835(payments=150, seed=7))).diagnostics) == 0
    text = b"".join(generate_835(payments=6, seed=7)).decode()
    assert x12n_document(params(), io.StringIO(text), None, None) is True
