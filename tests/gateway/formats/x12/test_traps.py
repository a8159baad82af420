"""Traps seen in real files, each with an invented case of its own."""

from gateway.model.finding import Severity

SUSPECT = Severity.SUSPECT


def test_elements_shifted_by_one_are_not_mended_but_held(read, remit, head, codes):
    (part,) = read(remit((*head, "CLP*A1**1*100*80*5*12*I")))
    assert {"element_missing", "payment_out_of_balance"} <= codes(part, SUSPECT)
    assert part.document["claims"][0]["status_code"] == ""
    assert part.document["claims"][0]["charge"] == "1.00"


def test_a_procedure_with_another_component_separator_than_isa16_is_split(read, remit, head):
    body = ("CLP*A1*1*80*80**12*I", "SVC*HC>99213>25*80*80")
    (part,) = read(remit(head + body))
    line = part.document["claims"][0]["service_lines"][0]
    assert line["procedure"] == {"qualifier": "HC", "code": "99213", "modifiers": ["25"]}


def test_a_plb_reason_with_another_component_separator_is_kept_whole(read, remit, head, claim):
    body = ("BPR*I*70*C*CHK", *head[1:], *claim, "PLB*1*20261231*72>PR*10")
    (part,) = read(remit(body))
    assert part.document["provider_adjustments"][0]["reason_code"] == "72>PR"
    assert part.document["balance"]["balanced"]


def test_a_plb_without_amount_is_suspect(read, remit, head, claim, codes):
    (part,) = read(remit((*head, *claim, "PLB*1*20261231*CS:X")))
    assert {"amount_missing", "element_missing"} <= codes(part, SUSPECT)


def test_a_check_number_in_place_of_the_method_is_a_warning(read, remit, head, claim, codes):
    body = ("BPR*I*80*C*CHK987654321*20260401", *head[1:], *claim)
    (part,) = read(remit(body))
    assert codes(part) == {"payment_method_unknown", "element_too_long"}


def test_the_same_money_at_claim_and_line_level_does_not_balance(read, remit, head, codes):
    body = ("CLP*A1*1*100*80**12*I", "CAS*CO*45*20", "SVC*HC:1*100*80", "CAS*CO*45*20")
    (part,) = read(remit(head + body))
    assert "claim_out_of_balance" in codes(part, SUSPECT)
    assert part.document["claims"][0]["service_lines"][0]["balanced"] is True


def test_provider_summaries_never_enter_a_balance(read, remit, head, claim):
    body = (*head, "LX*1", "TS3*1990000017*11*20261231*1*999", "TS2*5", *claim[1:])
    assert read(remit(body))[0].findings == ()


def test_a_set_without_claims_and_one_with_only_provider_adjustments_are_fine(read, remit, head):
    empty = ("BPR*H*0*C*NON", *head[1:])
    capitation = ("BPR*I*500*C*ACH", *head[1:], "PLB*1990000017*20261231*CT:PANEL*-500")
    first, second = read(remit(empty, capitation))
    assert first.findings == second.findings == ()
    assert second.document["balance"]["plb_total"] == "-500.00"


def test_one_claim_number_for_many_claims_is_fine(read, remit, head):
    claims = tuple(f"CLP*UNKNOWN*1*40*40**12*ICN{place}" for place in range(2))
    (part,) = read(remit(head + claims))
    assert part.findings == ()
    assert len({claim["claim_payment_id"] for claim in part.document["claims"]}) == 2


def test_lowercase_segment_ids_are_not_read_so_the_payment_is_held(
    read, remit, head, claim, codes
):
    (part,) = read(remit(head + claim).replace(b"CLP*", b"clp*"))
    assert part.document["claims"] == []
    assert "segment_id_lowercase" in codes(part)
    assert "payment_out_of_balance" in codes(part, SUSPECT)


def test_adjustments_and_lines_outside_a_claim_are_suspect(read, remit, head, codes):
    (part,) = read(remit(("BPR*H*0*C*NON", *head[1:], "CAS*CO*45*1", "LX*1", "SVC*HC:1*1*1")))
    assert codes(part, SUSPECT) == {"adjustment_outside_claim", "line_outside_claim"}


def test_lx_closes_the_open_claim(read, remit, head, codes):
    (part,) = read(remit((*head, "CLP*A1*1*80*80**12*I", "LX*2", "CAS*CO*45*7")))
    assert part.document["claims"][0]["adjustments"] == []
    assert codes(part, SUSPECT) == {"adjustment_outside_claim"}


def test_two_payees_in_one_set_are_suspect(read, remit, head, claim, codes):
    (part,) = read(remit((*head, "N1*PE*SOMEBODY ELSE*XX*1990000025", *claim)))
    assert codes(part, SUSPECT) == {"payee_repeated"}
    assert part.document["payee"]["name"] == "RIVERBEND CLINIC"


def test_short_segments_are_noted_and_nothing_else(read, remit, head, claim, codes):
    short = ("REF", "REF*EA", "AMT*AU", "QTY", "DTM*232", "NM1", "LQ*HE", "PER", "MIA", "MOA")
    (part,) = read(remit(head + claim + short))
    assert codes(part, SUSPECT) == set()
    assert part.document["claims"][0]["balanced"]


def test_a_bad_date_is_left_out_and_noted(read, remit, head, claim, codes):
    data = remit(head + claim).replace(b"DTM*472*20260301", b"DTM*472*20260231")
    (part,) = read(data)
    assert codes(part) == {"date_unreadable"}
    assert "service_from" not in part.document["claims"][0]["service_lines"][0]


def test_a_flood_of_findings_is_capped_and_stays_suspect(read, remit, head, codes):
    (part,) = read(remit(head + ("CLP*A1*1*x*x*x*12*I",) * 3000))
    assert len(part.findings) <= 2001
    assert "more_findings" in codes(part, SUSPECT)
