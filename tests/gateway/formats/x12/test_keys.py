"""The payment key: what it is made of, and what it does not depend on."""

import pytest


def test_the_payment_key_does_not_depend_on_line_breaks_or_envelope(read, remit, head, claim):
    zero = ("BPR*H*0*C*NON", *head[1:])
    one = read(remit(zero, end="~"))[0]
    other = read(remit(zero, end="~\r\n", control="000000077"))[0]
    assert one.payment_key == other.payment_key
    assert one.payment_key != read(remit((*zero, "LX*1")))[0].payment_key


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (b"BPR*I*80*", b"BPR*I*81*"),
        (b"TRN*1*T100*", b"TRN*1*T101*"),
        (b"*T100*1900000011", b"*T100*1900000012"),
        (b"*XX*1990000017", b"*XX*1990000018"),
    ],
)
def test_the_payment_key_is_made_of_payee_originator_trace_and_amount(
    read, remit, head, claim, right, wrong
):
    data = remit(head + claim)
    assert right in data
    assert read(data)[0].payment_key != read(data.replace(right, wrong))[0].payment_key
    other = data.replace(b"CLP*A1*", b"CLP*A2*")
    assert read(data)[0].payment_key == read(other)[0].payment_key
