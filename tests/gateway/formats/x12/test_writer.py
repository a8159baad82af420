"""What is written can be read again: the same document."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.errors import Reject
from gateway.formats import READERS, Origin
from gateway.formats.x12 import Delimiters, Envelope, envelope_of, wrap_sets, write_835
from gateway.simulators.remittances import generate_835

ORIGIN = Origin(tenant_id="t1", interface="feed", artifact_id="art_1", sha256="0" * 64)


def read(data: bytes):
    return list(READERS["x12-835"].read(lambda: iter([data]), ORIGIN))


words = st.text("ABCDEFGHJKLMNPQRSTUVWXYZ0123456789", min_size=1, max_size=12)
names = st.text("ABCÉÑ 'abc.-&", min_size=1, max_size=20).map(str.strip).filter(bool)
money = (
    st.integers(-(10**11), 10**11)
    .map(lambda cents: f"{Decimal(cents) / 100:.2f}")
    .map(lambda text: "0.00" if text == "-0.00" else text)
)
quantities = st.one_of(st.integers(-500, 500).map(str), st.just("0.5"), st.just("12.25"))
dates = st.dates(min_value=date(1990, 1, 1)).map(lambda day: day.isoformat())
qualifiers = st.sampled_from(["EA", "G1", "F8", "1W"])


def some(required, optional):
    return st.fixed_dictionaries(required, optional=optional)


def few(item, least=1):
    return st.lists(item, min_size=least, max_size=4)


references = few(some({"qualifier": qualifiers, "value": words}, {}))
adjustments = st.lists(
    some(
        {
            "group_code": st.sampled_from(["CO", "OA", "PI", "PR"]),
            "reason_code": words,
            "amount": money,
        },
        {"quantity": quantities},
    ),
    max_size=14,
)
procedures = some(
    {"qualifier": st.sampled_from(["HC", "NU", "N4"]), "code": words},
    {"modifiers": few(words), "description": names},
)
amounts = few(some({"qualifier": st.sampled_from(["AU", "I", "T"]), "amount": money}, {}))
counts = few(some({"qualifier": st.sampled_from(["CA", "CD"]), "quantity": quantities}, {}))
people = st.one_of(
    some(
        {"entity_type": st.just("1"), "last_name": names},
        {"first_name": names, "middle_name": names, "suffix": words, "id": words},
    ),
    some({"entity_type": st.just("2"), "name": names}, {"id": words, "id_qualifier": words}),
)
lines = some(
    {"charge": money, "paid": money, "adjustments": adjustments},
    {
        "line_control_number": words,
        "procedure": procedures,
        "submitted_procedure": procedures,
        "revenue_code": words,
        "units": quantities,
        "original_units": quantities,
        "service_from": dates,
        "service_to": dates,
        "allowed": money,
        "amounts": amounts,
        "quantities": counts,
        "references": references,
        "remark_codes": few(st.sampled_from(["N290", "M15", "RX:75"])),
        "healthcare_policy_ids": few(words),
    },
)
contacts = few(
    some(
        {"function": st.just("CX")}, {"name": names, "phone": words, "email": words, "url": words}
    )
)
claims = some(
    {
        "patient_control_number": words,
        "status_code": st.sampled_from(["1", "2", "4", "19", "22"]),
        "charge": money,
        "paid": money,
        "adjustments": adjustments,
        "service_lines": st.lists(lines, max_size=3),
        "assigned_number": words,
    },
    {
        "patient_responsibility": money,
        "filing_indicator": words,
        "payer_claim_control_number": words,
        "facility_code": words,
        "frequency_code": words,
        "drg": words,
        "drg_weight": quantities,
        "discharge_fraction": quantities,
        "patient": people,
        "insured": people,
        "corrected_insured": people,
        "rendering": people,
        "crossover_carrier": people,
        "corrected_payer": people,
        "other_subscriber": people,
        "service_from": dates,
        "service_to": dates,
        "received_date": dates,
        "coverage_expiration_date": dates,
        "references": references,
        "rendering_references": few(
            some({"qualifier": st.sampled_from(["1C", "G2"]), "value": words}, {})
        ),
        "contacts": contacts,
        "amounts": amounts,
        "quantities": counts,
        "inpatient_adjudication": some(
            {"covered_days": quantities},
            {"drg_amount": money, "cost_report_day_count": quantities},
        ),
        "outpatient_adjudication": some(
            {"reimbursement_rate": quantities}, {"hcpcs_payable_amount": money}
        ),
        "remark_codes": st.lists(words, min_size=1, max_size=9),
    },
)
addresses = some(
    {"line1": words, "city": words}, {"line2": words, "state": words, "country": words}
)
documents = some(
    {
        "currency": st.sampled_from(["USD", "CAD"]),
        "payment": some(
            {"handling_code": st.just("I"), "amount": money, "trace_number": words},
            {
                "credit_debit": st.just("C"),
                "method": st.just("ACH"),
                "format": st.just("CCP"),
                "originator_id": words,
                "originator_suffix": words,
                "supplemental_code": words,
                "effective_date": dates,
                "production_date": dates,
                "payer_bank": st.just({"routing": "000000013", "account_last4": "4401"}),
                "payee_bank": st.just({"account_last4": "7702"}),
            },
        ),
        "payer": some(
            {"name": names},
            {"id": words, "references": references, "address": addresses, "contacts": contacts},
        ),
        "payee": st.one_of(
            words.map(lambda npi: {"name": "A", "npi": npi, "id": npi, "id_qualifier": "XX"}),
            words.map(lambda tax: {"name": "B", "tax_id": tax, "id": tax, "id_qualifier": "FI"}),
            words.map(lambda tax: {"name": "C", "tax_id": tax}),
        ),
        "claims": st.lists(claims, max_size=3),
        "provider_adjustments": st.lists(
            some(
                {
                    "provider_id": words,
                    "reason_code": st.sampled_from(["WO", "L6"]),
                    "amount": money,
                },
                {"fiscal_period_date": dates, "reference_id": words},
            ),
            max_size=8,
        ),
    },
    {},
)


def without_what_only_a_reader_knows(node):
    """Drop ids, sums and verdicts."""
    known = {
        "remittance_id",
        "payment_key",
        "claim_payment_id",
        "tenant_id",
        "source",
        "ordinal",
        "balance",
        "balanced",
    }
    match node:
        case dict():
            return {
                key: without_what_only_a_reader_knows(value)
                for key, value in node.items()
                if key not in known
            }
        case list():
            return [without_what_only_a_reader_knows(value) for value in node]
        case _:
            return node


@settings(
    max_examples=120,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(document=documents)
def test_a_document_written_and_read_is_the_same_document(document):
    (part,) = read(write_835([document]))
    assert without_what_only_a_reader_knows(part.document) == document
    (again,) = read(write_835([part.document], envelope_of(part.document)))
    assert again.document["payment_key"] == part.document["payment_key"]
    assert again.document["claims"] == part.document["claims"]


def test_more_adjustments_than_a_segment_holds_go_on_in_the_next():
    document = read(b"".join(generate_835(payments=1, seed=5)))[0].document
    many = [
        {"group_code": "CO", "reason_code": str(number), "amount": "1.00"} for number in range(20)
    ]
    document["claims"] = document["claims"][:1]
    document["claims"][0]["adjustments"] = many
    document["provider_adjustments"] = [
        {"provider_id": "P", "reason_code": "WO", "amount": f"{number}.00"} for number in range(15)
    ]
    data = write_835([document])
    assert data.count(b"~PLB*") == 3
    again = read(data)[0].document
    assert again["claims"][0]["adjustments"] == many
    assert again["provider_adjustments"] == document["provider_adjustments"]


def test_generated_files_are_written_again_byte_for_byte():
    data = b"".join(generate_835(payments=60, seed=5))
    parts = read(data)
    assert write_835([part.document for part in parts], envelope_of(parts[0].document)) == data


@pytest.mark.parametrize("marks", ["|>\n", "+<'", "*:~"])
def test_any_delimiters_give_the_same_documents(marks):
    plain = [part.document for part in read(b"".join(generate_835(payments=5, seed=5)))]
    delimiters = Delimiters(element=marks[0], component=marks[1], segment=marks[2])
    data = write_835(plain, envelope_of(plain[0]), delimiters)
    assert [part.document for part in read(data)] == plain


def test_sets_put_into_a_new_envelope_keep_their_bytes():
    data = b"".join(generate_835(payments=4, seed=5))
    parts = read(data)
    kept = [data[one.offset : one.offset + one.length] for one in (parts[1], parts[3])]
    wrapped = b"".join(wrap_sets(kept, Envelope(control="77"), Delimiters()))
    again = read(wrapped)
    assert [wrapped[one.offset : one.offset + one.length] for one in again] == kept
    assert [one.findings for one in again] == [(), ()]
    assert again[0].payment_key == parts[1].payment_key


@pytest.mark.parametrize("text", ["A*B", "A~B", "A:B", "A\nB"])
def test_text_with_a_delimiter_is_refused_without_being_repeated(text):
    document = next(iter(read(b"".join(generate_835(payments=1, seed=5))))).document
    document["payer"]["name"] = text
    with pytest.raises(Reject) as caught:
        write_835([document])
    assert caught.value.code == "delimiter_in_data"
    assert "N102" in str(caught.value)
    assert text not in str(caught.value)
