"""The three balance equations, the signs, and what is compared beside them."""

import pytest

from gateway.model.finding import Severity

SUSPECT = Severity.SUSPECT


def amounts(document):
    claim = document["claims"][0]
    return (
        document["balance"]["balanced"],
        claim["balanced"],
        claim["service_lines"][0]["balanced"],
    )


@pytest.mark.parametrize(
    ("right", "wrong", "verdicts", "code"),
    [
        (b"BPR*I*80*", b"BPR*I*80.01*", (False, True, True), "payment_out_of_balance"),
        (b"*100*80*5*", b"*101*80*5*", (True, False, True), "claim_out_of_balance"),
        (b"CAS*CO*45*15~", b"CAS*CO*45*14.99~", (True, False, False), "line_out_of_balance"),
    ],
)
def test_one_cent_is_enough_on_each_level(
    read, remit, head, claim, codes, right, wrong, verdicts, code
):
    data = remit(head + claim)
    assert right in data
    (part,) = read(data.replace(right, wrong))
    assert amounts(part.document) == verdicts
    assert code in codes(part, SUSPECT)


def test_all_six_triplets_of_a_cas_count(read, remit, head):
    body = (
        "LX*1",
        "CLP*A1*1*100*80**12*I*11*1",
        "CAS*OA*1*1*1*2*2**3*3**4*4**5*5*7*6*5",
    )
    (part,) = read(remit(head + body))
    found = part.document["claims"][0]["adjustments"]
    assert [one["amount"] for one in found] == ["1.00", "2.00", "3.00", "4.00", "5.00", "5.00"]
    assert found[0]["quantity"] == "1"
    assert found[4]["quantity"] == "7"
    assert part.findings == ()


def test_claim_and_line_adjustments_are_kept_apart_and_both_count_for_the_claim(read, remit, head):
    body = (
        "CLP*A1*1*100*70**12*I*11*1",
        "CAS*CO*45*10",
        "SVC*HC:1*100*80**1",
        "CAS*PR*1*20",
    )
    (part,) = read(remit(("BPR*I*70*C*CHK", *head[1:], *body)))
    claim = part.document["claims"][0]
    assert [one["reason_code"] for one in claim["adjustments"]] == ["45"]
    assert [one["reason_code"] for one in claim["service_lines"][0]["adjustments"]] == ["1"]
    assert amounts(part.document) == (True, True, True)
    assert part.findings == ()


def test_all_six_pairs_of_a_plb_count_and_a_positive_one_reduces_the_payment(
    read, remit, head, claim
):
    plb = "PLB*1990000017*20261231*WO:A*1*FB:B*2*72:C*-3*L6*-4*CS:D*5*J1*9"
    body = ("BPR*I*70*C*CHK", *head[1:], *claim, plb)
    (part,) = read(remit(body))
    assert part.findings == ()
    assert part.provider_adjustments_cents == 1000
    found = part.document["provider_adjustments"]
    assert [one["reason_code"] for one in found] == ["WO", "FB", "72", "L6", "CS", "J1"]
    assert found[0] == {
        "provider_id": "1990000017",
        "fiscal_period_date": "2026-12-31",
        "reason_code": "WO",
        "reference_id": "A",
        "amount": "1.00",
    }
    assert "reference_id" not in found[3]


def test_informational_amounts_never_enter_a_balance(read, remit, head, claim):
    (part,) = read(remit((*head, *claim, "AMT*KH*999", "QTY*ZK*3")))
    assert part.findings == ()


@pytest.mark.parametrize(
    "raw", ["$1,200.00", "INVALID", "1e3", "+5", "1.005", "--5", "5-", "9" * 14]
)
def test_an_amount_that_is_none_leaves_nothing_balanced(read, remit, head, claim, codes, raw):
    for right in ("BPR*I*80*C", "1*100*80*5*", "SVC*HC:99213:25*100*80*"):
        data = remit(head + claim)
        assert right.encode() in data
        (part,) = read(data.replace(right.encode(), right.replace("80", raw).encode()))
        assert "amount_unreadable" in codes(part, SUSPECT)
        assert not all(amounts(part.document))


def test_an_adjustment_that_is_no_number_is_not_taken_for_zero(read, remit, head, codes):
    body = ("CLP*A1*1*80*80**12*I*11*1", "SVC*HC:1*80*80**1", "CAS*CO*45*x")
    (part,) = read(remit(head + body))
    assert amounts(part.document) == (False, False, False)
    assert "amount_unreadable" in codes(part, SUSPECT)


def test_a_missing_amount_counts_as_zero_and_is_suspect(read, remit, head, codes):
    body = ("CLP*A1*1*80**5*12*I*11*1", "CAS*CO*45*80")
    (part,) = read(remit(("BPR*I*0*C*NON", *head[1:], *body)))
    assert part.document["claims"][0]["paid"] == "0.00"
    assert part.document["balance"]["balanced"]
    assert "amount_missing" in codes(part, SUSPECT)


def test_a_set_without_bpr_is_never_balanced(read, remit, head, codes):
    (part,) = read(remit(head[1:]))
    assert part.document["balance"]["balanced"] is False
    assert part.document["payment"]["amount"] == "0.00"
    assert "bpr_missing" in codes(part, SUSPECT)


def test_a_set_without_trn_is_suspect(read, remit, head, claim, codes):
    (part,) = read(remit(head[:1] + head[2:] + claim))
    assert codes(part, SUSPECT) == {"trn_missing"}
    assert part.document["payment"]["trace_number"] == ""


def test_a_reversal_with_negated_amounts_balances(read, remit, head):
    body = (
        "CLP*A1*22*-100*-80*-5*12*I*11*1",
        "SVC*HC:1*-100*-80**-1",
        "CAS*CO*45*-15",
        "CAS*PR*2*-5",
        "PLB*1990000017*20261231*FB:X*-80",
    )
    (part,) = read(remit(("BPR*H*0*C*NON", *head[1:], *body)))
    assert part.findings == ()
    assert amounts(part.document) == (True, True, True)
    assert part.document["claims"][0]["service_lines"][0]["units"] == "-1"


def test_a_reversal_line_of_mixed_signs_is_judged_by_the_equation(read, remit, head):
    body = ("CLP*A1*22*145*-170**12*I*11*1", "SVC*HC:1*145*-170**1", "CAS*CO*45*315")
    (part,) = read(remit(("BPR*H*0*C*NON", *head[1:], *body, "PLB*1*20261231*FB*-170")))
    assert part.findings == ()


def test_a_negative_payment_is_suspect(read, remit, head, codes):
    body = ("BPR*H*-5*C*NON", *head[1:], "PLB*1*20261231*WO*5")
    (part,) = read(remit(body))
    assert codes(part, SUSPECT) == {"payment_amount_negative"}


def test_a_predetermination_must_not_pay(read, remit, head, codes):
    body = ("CLP*A1*25*100*80**12*I*11*1", "CAS*CO*45*20")
    (part,) = read(remit(head + body))
    assert codes(part, SUSPECT) == {"predetermination_paid"}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (
            ("CLP*A*1*100*80*6*12*I", "CAS*PR*2*5", "CAS*CO*45*15"),
            "patient_responsibility_differs",
        ),
        (
            ("CLP*A*1*80*80**12*I", "SVC*HC:1*90*80", "CAS*CO*45*10", "CAS*OA*1*-10"),
            "line_charges_differ",
        ),
    ],
)
def test_what_differs_beside_the_equations_is_a_warning(read, remit, head, codes, body, code):
    (part,) = read(remit(head + body))
    assert code in codes(part, Severity.WARNING)


def test_a_repeated_claim_is_a_warning(read, remit, head, codes):
    body = ("CLP*A*1*40*40**12*I", "CLP*A*1*40*40**12*I")
    (part,) = read(remit(head + body))
    assert codes(part) == {"claim_repeated"}
    first, second = part.document["claims"]
    assert first["claim_payment_id"] != second["claim_payment_id"]
