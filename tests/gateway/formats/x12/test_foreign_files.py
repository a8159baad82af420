"""Oddities that files of other senders brought to light: nothing is lost without a word."""

import pytest

from gateway.model.finding import Severity

SUSPECT = Severity.SUSPECT


@pytest.mark.parametrize("mark", ["\t", "\x0b", "\x0c", "\0", "\t\r\n"])
def test_blanks_of_every_kind_around_segments_are_dropped(read, remit, head, claim, mark):
    (part,) = read(remit(head + claim, end=f"~{mark}"))
    assert part.findings == ()
    assert part.document["payment"]["amount"] == "80.00"


@pytest.mark.parametrize("element", ["\t", "_", "\xe0", "|", "\x1d"])
def test_any_byte_but_a_blank_may_separate_elements(read, remit, head, claim, codes, element):
    (part,) = read(remit(head + claim, marks=f"{element}:^"))
    assert part.document["payment"]["trace_number"] == "T100"
    assert part.document["balance"]["balanced"]
    assert codes(part, SUSPECT) == set()


def test_an_interchange_with_tabs_after_another_is_read(read, remit, head, claim):
    first, second = read(
        remit(head + claim)
        + remit((head[0], "TRN*1*T200*1900000011", *head[2:], *claim), marks="\t:^")
    )
    assert second.document["payment"]["trace_number"] == "T200"
    assert (first.findings, second.findings) == ((), ())


@pytest.mark.parametrize("behind_usage", ["::~", ":;~", ":~~", "~"])
def test_the_last_mark_behind_the_isa_is_the_terminator(
    read, remit, head, claim, codes, behind_usage
):
    data = remit(head + claim).replace(b"*P*:~", b"*P*" + behind_usage.encode())
    (part,) = read(data)
    assert part.document["payment"]["amount"] == "80.00"
    assert len(part.document["claims"]) == 1
    assert codes(part, SUSPECT) == set()


def test_a_carriage_return_ends_segments_whatever_the_next_interchange_has(read, remit, head):
    first, second = read(remit(head, end="\r") + remit(head, end="~\r\n"))
    assert first.document["payee"]["npi"] == second.document["payee"]["npi"] == "1990000017"


@pytest.mark.parametrize("before", [b"GS*", b"ST*", b"SE*", b"GE*", b"IEA*"])
def test_blank_segments_between_envelopes_are_nothing(read, remit, head, claim, before):
    (part,) = read(remit(head + claim).replace(before, b"~ ~\r\n" + before))
    assert part.findings == ()


@pytest.mark.parametrize("lost_first", [True, False])
@pytest.mark.parametrize("encoding", ["latin-1", "utf-16-le"])
def test_an_835_whose_isa_is_gone_is_an_unreadable_part(
    read, remit, head, claim, lost_first, encoding
):
    lost = remit(head + claim, marks="|>^", end="!").partition(b"GS|")[2]
    lost = lost.decode().encode(encoding)
    good = remit(head + claim)
    parts = read(b"\n".join((lost, good) if lost_first else (good, lost)))
    assert sorted(part.error for part in parts) == ["", "transaction_set_unread"]
    (bad,) = (part for part in parts if part.error)
    assert bad.document is None
    assert any(finding.severity is SUSPECT for finding in bad.findings)
    assert (bad.offset > len(good)) is not lost_first


@pytest.mark.parametrize("second", ["LX*1", "CLP*A1*1*100*80*5*12*ICN1*11*1", "BPR*I*80*C*CHK"])
@pytest.mark.parametrize("end", ["~", "~\r\n", "\n", "|\n"])
def test_without_envelopes_the_terminator_is_told_from_the_second_segment(read, end, second):
    body = f"ST*835*0001{end}{second}{end}TRN*1*T100*19{end}SE*4*0001{end}"
    (part,) = read(body.encode())
    assert part.document["payment"]["trace_number"] == "T100"
    assert part.transaction_set["control"] == "0001"


@pytest.mark.parametrize("spoilt", [b"*P*:\xe9c", b"*P*::c", b"*P*c"])
def test_an_interchange_whose_terminator_is_spoilt_is_not_lost_silently(
    read, remit, head, claim, spoilt
):
    good, bad = remit(head + claim), remit(head[:1] + claim, marks="*:^")
    parts = read(good + bad.replace(b"*P*:~", spoilt))
    assert parts[0].document["balance"]["balanced"]
    assert len(parts) == 2
    assert parts[1].error == "transaction_set_unread"


def test_a_set_cut_short_with_another_sender_behind_it_does_not_hide_that(
    read, remit, head, claim
):
    cut = remit(head + claim)[:400]
    other = remit(head + claim, marks="|:^", end="!")[60:]
    first, second = read(cut + other)
    assert any(finding.code == "se_missing" for finding in first.findings)
    assert second.error == "transaction_set_unread"
    assert second.offset == 400 + other.index(b"ST|")


def test_a_second_se_is_suspect(read, remit, head, claim, codes):
    (part,) = read(remit(head + claim).replace(b"GE*1", b"SE*21*0001~GE*1"))
    assert "se_unexpected" in codes(part, SUSPECT)


@pytest.mark.parametrize(
    ("right", "padded", "code"),
    [
        (b"GE*1*1~", b"GE*1*0001~", "ge_control_mismatch"),
        (b"IEA*1*000000001", b"IEA*1*1", "iea_control_mismatch"),
    ],
)
def test_zeros_in_front_of_a_control_number_are_told_and_hold_nothing(
    read, remit, head, claim, codes, right, padded, code
):
    (part,) = read(remit(head + claim).replace(right, padded))
    assert codes(part) == {code}
    assert codes(part, SUSPECT) == set()


def test_spaces_in_front_of_st02_are_kept_and_match_their_se(read, remit, head, claim):
    data = remit(head + claim).replace(b"ST*835*0001", b"ST*835*   1 ")
    (part,) = read(data.replace(b"*0001~", b"*1~"))
    assert part.transaction_set["control"] == "   1"
    assert part.findings == ()


def test_another_currency_is_suspect(read, remit, head, claim, codes):
    (part,) = read(remit((*head[:2], "CUR*PR*CAD", *head[2:], *claim)))
    assert codes(part) == {"currency_not_supported"}
    (part,) = read(remit((*head[:2], "CUR*PR*USD", *head[2:], *claim)))
    assert part.findings == ()


def test_what_stands_for_the_method_and_is_too_long_is_kept_for_a_mapping(
    read, remit, head, claim, codes
):
    body = (head[0].replace("ACH", "CHK987654321").replace("CCP", "X" * 21), *head[1:], *claim)
    (part,) = read(remit(body))
    assert codes(part) == {"payment_method_unknown", "element_too_long"}
    payment = part.document["payment"]
    assert (payment["method"], payment["format"]) == ("CHK987654321", "X" * 21)


@pytest.mark.parametrize("place", ["SVC*HC:99213:25*100*80", "CAS*CO*45*15", "*100*80*5*12"])
def test_one_amount_that_is_none_makes_the_whole_payment_undecided(
    read, remit, head, claim, codes, place
):
    spoilt = place.replace("100", "x").replace("*15", "*x")
    (part,) = read(remit(head + claim).replace(place.encode(), spoilt.encode()))
    assert part.document["balance"]["balanced"] is False
    assert "amount_unreadable" in codes(part, SUSPECT)


@pytest.mark.parametrize(
    ("name", "shown"), [("ZZZ", "ZZZ"), ("É1", ""), ("123", ""), ("BRAM", "")]
)
def test_only_what_looks_like_a_segment_id_is_shown(read, remit, head, claim, name, shown):
    (part,) = read(remit((*head, *claim, f"{name}*1")))
    (finding,) = (finding for finding in part.findings if finding.code == "segment_unknown")
    assert finding.segment_id == shown


def test_a_finding_stands_where_its_segment_id_stands(read, remit, head, claim):
    data = remit(head + claim, head + claim, end="~\r\n")
    data = data.replace(b"SVC*HC:99213:25*100*80", b"SVC*HC:99213:25*100*81").replace(
        b"*20260331", b"*x"
    )
    for part in read(data):
        assert part.findings
        for finding in part.findings:
            name = finding.segment_id.encode()
            assert data[finding.offset :].startswith(name + b"*")
            assert data[: finding.offset].count(b"~") + 1 == finding.segment
