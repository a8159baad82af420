"""What the reader must bear: guide for the 835, section 4, one requirement after the other."""

import pytest

from gateway.model.finding import Severity

SUSPECT = Severity.SUSPECT


def test_a_clean_remittance_has_no_findings_and_the_fields_of_the_contract(
    read, remit, head, claim
):
    data = remit(head + claim)
    (part,) = read(data)
    assert part.findings == ()
    assert part.error == ""
    document = part.document
    assert document["remittance_id"] == "rem_" + document["payment_key"][:32]
    assert document["source"] == {
        "channel": "era",
        "interface": "feed",
        "file_id": "art_1",
        "file_sha256": "0" * 64,
        "interchange_control": "000000001",
        "group_control": "1",
        "transaction_control": "0001",
        "sender_id": "CLEARWELL",
        "receiver_id": "REMITHUB",
        "usage": "P",
        "version": "005010X221A1",
    }
    assert document["payment"] == {
        "handling_code": "I",
        "amount": "80.00",
        "trace_number": "T100",
        "credit_debit": "C",
        "method": "ACH",
        "format": "CCP",
        "effective_date": "2026-04-01",
        "payer_bank": {"routing": "000000013", "account_last4": "4401"},
        "payee_bank": {"routing": "000000026", "account_last4": "7702"},
        "originator_id": "1900000011",
        "production_date": "2026-03-31",
    }
    assert document["payee"] == {
        "name": "RIVERBEND CLINIC",
        "id": "1990000017",
        "id_qualifier": "XX",
        "npi": "1990000017",
        "tax_id": "990000017",
    }
    (found,) = document["claims"]
    assert found["balanced"] is True
    assert found["service_lines"] == [
        {
            "procedure": {"qualifier": "HC", "code": "99213", "modifiers": ["25"]},
            "charge": "100.00",
            "paid": "80.00",
            "units": "1",
            "adjustments": [
                {"group_code": "CO", "reason_code": "45", "amount": "15.00"},
                {"group_code": "PR", "reason_code": "2", "amount": "5.00"},
            ],
            "service_from": "2026-03-01",
            "service_to": "2026-03-01",
            "line_control_number": "1",
            "allowed": "85.00",
            "balanced": True,
        }
    ]
    assert document["balance"] == {
        "claims_paid_total": "80.00",
        "plb_total": "0.00",
        "payment_amount": "80.00",
        "balanced": True,
    }
    assert (part.amount_cents, part.claims_paid_cents, part.provider_adjustments_cents) == (
        8000,
        8000,
        0,
    )


def test_offset_and_length_cut_st_to_se_with_its_terminator(read, remit, head, claim):
    data = remit(head + claim, head + claim, end="~\r\n")
    for part in read(data):
        cut = data[part.offset : part.offset + part.length]
        assert cut.startswith(b"ST*835*")
        assert cut.endswith(f"*{part.ordinal:04d}~".encode())


@pytest.mark.parametrize(
    ("before", "code"),
    [
        (b"\xef\xbb\xbf", "byte_order_mark"),
        (b"From: someone\r\nSubject: VISA* payments\r\n\r\n", "bytes_before_interchange"),
        (b"\r\n\r\n  ", None),
    ],
)
def test_what_stands_before_the_first_isa_is_skipped_and_reported(
    read, remit, head, claim, codes, before, code
):
    (part,) = read(before + remit(head + claim))
    assert codes(part) == ({code} if code else set())
    assert part.document["balance"]["balanced"]


def test_an_isa_that_follows_a_word_without_a_gap_is_found(read, remit, head, claim, codes):
    data = remit(head + claim)
    second = data.replace(b"T100", b"T200")
    first, last = read(b"PK\x03\x04remit_835.txt" + data[:-1] + second)
    assert codes(first) == {"bytes_before_interchange"}
    assert first.interchange["control"] == "000000001"
    assert last.document["payment"]["trace_number"] == "T200"


def test_what_stands_after_iea_is_skipped_and_reported(read, remit, head, claim, codes):
    (part,) = read(remit(head + claim) + b"\r\n\x1a\0\0END OF FILE\r\n")
    assert codes(part) == {"bytes_after_interchange"}
    assert codes(part, SUSPECT) == set()


def test_delimiters_are_read_again_at_every_interchange(read, remit, head, claim):
    first = remit(head + claim)
    second = remit(tuple(head) + claim, marks="|>^", end="\n", control="000000002")
    second = second.replace(b"T100", b"T200")
    third = remit(head + claim, marks="+<^", end="'\r\n", control="000000003")
    parts = read(first + b"\r\n" + second + third.replace(b"T100", b"T300"))
    assert [part.document["payment"]["trace_number"] for part in parts] == ["T100", "T200", "T300"]
    lines = [part.document["claims"][0]["service_lines"][0] for part in parts]
    assert {line["procedure"]["code"] for line in lines} == {"99213"}


@pytest.mark.parametrize("end", ["~", "~\r\n", "~\n", "\n", "\r\n", "\n~", "\r"])
def test_every_terminator_that_occurs_gives_the_same_document(read, remit, head, claim, end):
    plain = read(remit(head + claim))[0].document
    assert read(remit(head + claim, end=end))[0].document == plain


@pytest.mark.parametrize(
    ("marks", "end"), [("\x1d\x1f^", "\x1c"), ("*\x1f^", "\x85"), ("|<^", "\x15")]
)
def test_control_characters_are_delimiters_like_any_other(read, remit, head, claim, marks, end):
    (part,) = read(remit(head + claim, marks=marks, end=end))
    assert [one for one in part.findings if one.code != "non_ascii_bytes"] == []
    assert part.document == read(remit(head + claim))[0].document


def test_an_isa_of_odd_width_is_read_and_reported(read, remit, head, claim, codes):
    data = remit(head + claim).replace(b" " * 10, b"").replace(b"CLEARWELL      ", b"CLEARWELL")
    (part,) = read(data)
    assert codes(part) == {"isa_not_fixed_width"}
    assert part.interchange["sender"] == "CLEARWELL"


def test_an_isa_broken_over_two_lines_is_read(read, remit, head, claim, codes):
    data = remit(head + claim)
    (part,) = read(data[:60] + b"\r\n" + data[60:])
    assert "isa_not_fixed_width" in codes(part)
    assert part.document["balance"]["balanced"]


def test_an_isa_without_component_separator_still_splits_procedures(
    read, remit, head, claim, codes
):
    data = remit(head + claim, end="\n").replace(b"*P*:\n", b"*P*\n")
    (part,) = read(data)
    assert "component_separator_missing" in codes(part)
    procedure = part.document["claims"][0]["service_lines"][0]["procedure"]
    assert procedure == {"qualifier": "HC", "code": "99213", "modifiers": ["25"]}


def test_an_isa_that_lost_elements_is_read_but_suspect(read, remit, head, claim, codes):
    data = remit(head + claim).replace(b"*00501*000000001*0*P*:", b"*00501*000000001*:", 1)
    (part,) = read(data)
    assert "isa_elements_missing" in codes(part, SUSPECT)
    assert part.document["balance"]["balanced"]


def test_wrapped_lines_are_joined_and_reported_once_per_file(read, remit, head, claim):
    plain = remit(head + claim, head + claim)
    wrapped = b"\r\n".join(plain[at : at + 80] for at in range(0, len(plain), 80))
    parts = read(wrapped)
    assert [part.document for part in parts] == [part.document for part in read(plain)]
    found = [finding.code for part in parts for finding in part.findings]
    assert found.count("lines_wrapped") == 1


def test_a_4010_file_is_read_without_a_repetition_separator(read, remit, head, claim):
    data = remit(head + claim, marks="*:U", version="004010X091A1")
    (part,) = read(data)
    assert part.findings == ()
    assert part.document["source"]["version"] == "004010X091A1"


def test_unknown_segments_codes_elements_and_versions_never_stop_the_reading(
    read, remit, head, claim, codes
):
    odd = (
        "XYZ*1*2",
        "CLP*A2*77*0*0*0*12*ICN2*11*1*1*1*1*1*1*1*1*1*1",
        "CAS*QQ*9999*0",
        "NM1*9Z*1*X",
        "DTM*999*20260101",
        "PLB*1990000017*20261231*Q9:R*0",
    )
    (part,) = read(remit(head + claim + odd, version="009999X999"))
    assert codes(part, SUSPECT) == set()
    assert codes(part) == {
        "version_unknown",
        "segment_unknown",
        "claim_status_unknown",
        "adjustment_group_unknown",
        "entity_unknown",
        "date_qualifier_unknown",
        "provider_adjustment_reason_unknown",
    }


def test_a_missing_se_still_gives_the_document_but_suspect(read, remit, head, claim, codes):
    data = remit(head + claim, head + claim)
    first, second = read(data.replace(b"SE*21*0001~", b"", 1))
    assert codes(first, SUSPECT) == {"se_missing"}
    assert first.document["balance"]["balanced"]
    assert codes(second, SUSPECT) == {"payment_key_repeated"}


@pytest.mark.parametrize("end", ["~", "\n", "\r\n"])
def test_data_that_ends_inside_a_segment_is_truncated(read, remit, head, claim, codes, end):
    data = remit(head + claim, end=end)
    (cut,) = read(data[: data.index(b"CAS*PR") + 4])
    (whole,) = read(data[: data.index(b"CAS*PR")])
    assert codes(cut, SUSPECT) >= {"se_missing", "data_truncated"}
    assert "data_truncated" not in codes(whole)


@pytest.mark.parametrize(
    ("right", "wrong", "code"),
    [
        (b"SE*21*0001", b"SE*22*0001", "se_count_mismatch"),
        (b"SE*21*0001", b"SE*many*0001", "se_count_mismatch"),
        (b"SE*21*0001", b"SE*21*0009", "se_control_mismatch"),
        (b"GE*1*1~", b"GE*2*1~", "ge_count_mismatch"),
        (b"GE*1*1~", b"GE*1*7~", "ge_control_mismatch"),
        (b"GE*1*1~", b"", "ge_missing"),
        (b"IEA*1*000000001~", b"IEA*2*000000001~", "iea_count_mismatch"),
        (b"IEA*1*000000001~", b"IEA*1*000000002~", "iea_control_mismatch"),
        (b"IEA*1*000000001~", b"", "iea_missing"),
        (b"GS*HP", b"XX*HP", "gs_missing"),
        (b"GE*1*1~", b"PLB*1*20261231*WO*5~GE*1*1~", "segment_outside_transaction_set"),
    ],
)
def test_an_envelope_fault_makes_the_set_suspect_and_leaves_its_money_readable(
    read, remit, head, claim, codes, right, wrong, code
):
    data = remit(head + claim)
    assert right in data
    (part,) = read(data.replace(right, wrong))
    assert code in codes(part, SUSPECT)
    assert part.amount_cents == 8000


def test_a_fault_of_one_group_does_not_touch_the_sets_of_another(read, remit, head, claim, codes):
    good = remit(head + claim)
    bad = remit(head + claim, control="000000002").replace(b"T100", b"T200")
    bad = bad.replace(b"GE*1*1~", b"GE*5*1~")
    first, second = read(good + bad)
    assert codes(first) == set()
    assert codes(second) == {"ge_count_mismatch"}


def test_names_are_utf_8_where_the_bytes_are_that_else_latin_1(read, remit, head, claim, codes):
    data = remit(head + claim, head + claim)
    utf8, latin1 = "PEÑA".encode(), "PEÑA".encode("latin-1")
    data = data.replace(b"BRAMBLE", utf8, 1)
    at = data.rindex(b"BRAMBLE")
    first, second = read(data[:at] + latin1 + data[at + 7 :])
    assert first.document["claims"][0]["patient"]["last_name"] == "PEÑA"
    assert second.document["claims"][0]["patient"]["last_name"] == "PEÑA"
    assert codes(first) == {"non_ascii_bytes"}


def test_other_transaction_sets_beside_an_835_are_parts_that_hold_nothing_back(
    read, remit, head, claim, codes
):
    data = remit(head + claim).replace(b"GE*1*1~", b"ST*999*0002~AK1*HP*1~SE*3*0002~GE*2*1~")
    first, second = read(data)
    assert first.findings == ()
    assert second.error == "transaction_set_not_supported"
    assert second.document is None
    assert [finding.severity for finding in second.findings] == [Severity.INFO]


def test_one_part_says_so_when_there_is_no_x12_at_all(read):
    for data in (b"", b"hello", b"\0" * 5000, b"ISA", b"ISA*00*", b"%PDF-1.7\n" * 1000):
        (part,) = read(data)
        assert part.error == "no_interchange"
        assert part.length == len(data)


def test_a_file_that_begins_with_gs_or_st_is_read_with_guessed_delimiters(
    read, remit, head, claim, codes
):
    data = remit(head + claim)
    for begin in (b"GS*", b"ST*"):
        (part,) = read(data[data.index(begin) :])
        assert "isa_missing" in codes(part, SUSPECT)
        assert part.document["claims"][0]["paid"] == "80.00"


def test_an_interchange_cut_short_does_not_swallow_the_next_one(read, remit, head, claim, codes):
    data = remit(head + claim)
    cut = data[: data.index(b"CAS*PR") + 4]
    first, second = read(cut + data.replace(b"T100", b"T200"))
    assert {"se_missing", "iea_missing"} <= codes(first, SUSPECT)
    assert codes(second) == set()
    assert second.document["payment"]["trace_number"] == "T200"


def test_a_transaction_set_above_the_cap_is_unreadable_and_the_next_one_is_read(
    read, remit, head, claim, codes
):
    big = head + ("CLP*A1*1*0*0*0*12*ICN1*11*1",) * 2000
    small = ("BPR*I*80*C*CHK", "TRN*1*T9*1", *head[3:], *claim)
    first, second = read(remit(big, small), max_set_bytes=20_000)
    assert first.error == "transaction_set_too_large"
    assert codes(first, SUSPECT) == {"transaction_set_too_large"}
    assert second.error == ""
    assert second.document["payment"]["trace_number"] == "T9"


def test_a_segment_that_never_ends_is_not_looked_into(read, remit, head, claim, codes):
    (part,) = read(remit((*head, *claim, "NTE*" + "A" * 200_000)))
    assert codes(part, SUSPECT) == {"segment_too_long"}
    assert part.document["claims"][0]["paid"] == "80.00"


def test_findings_name_the_place_and_never_the_value(read, remit, head, claim):
    data = remit(head + claim).replace(b"CAS*PR*2*5~", b"CAS*PR*2*FIVE~")
    (part,) = read(data)
    finding = next(one for one in part.findings if one.code == "amount_unreadable")
    assert data[finding.offset : finding.offset + 6] == b"CAS*PR"
    assert (finding.segment, finding.segment_id, finding.element) == (20, "CAS", 3)
    assert "FIVE" not in repr(part.findings)


def test_offsets_hold_in_wrapped_files_too(read, remit, head, claim):
    plain = remit(head + claim, end="~\r\n").replace(b"CAS*PR*2*5~", b"CAS*PR*2*FIVE~")
    (part,) = read(plain)
    finding = next(one for one in part.findings if one.code == "amount_unreadable")
    assert plain[finding.offset : finding.offset + 6] == b"CAS*PR"


def test_test_data_is_suspect_on_a_production_feed_only(read, remit, head, claim, codes):
    data = remit(head + claim, usage="T")
    assert codes(read(data)[0]) == set()
    assert codes(read(data, production=True)[0], SUSPECT) == {"test_interchange"}


def test_the_same_payment_twice_in_one_file_is_suspect_the_second_time(
    read, remit, head, claim, codes
):
    first, second = read(remit(head + claim, head + claim))
    assert first.payment_key == second.payment_key
    assert codes(first) == set()
    assert codes(second, SUSPECT) == {"payment_key_repeated"}


@pytest.mark.parametrize("step", [1, 3, 64, 1000])
def test_the_size_of_the_blocks_changes_nothing(read, remit, head, claim, step, monkeypatch):
    monkeypatch.setattr("gateway.formats.x12.scanner._FILL_BYTES", 1)
    cut = remit(head + claim)[:500]
    data = b"mail\r\n" + remit(head + claim, head + claim, end="~\r\n") + b"junk " + cut
    assert read(data, step=step) == read(data)
