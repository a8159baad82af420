"""A remittance-advice document as the segments of an 835, as lists of elements."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from gateway.formats.x12.codes import CLAIM_DATES, INPATIENT, OUTPATIENT, PARTIES

__all__ = ["COMPONENT", "remittance_segments"]

COMPONENT = "\x1d"
"""Stands for the component separator until the text is written."""

Document = dict[str, Any]
Segment = list[str]

_CHANNELS = (
    ("TE", "phone"),
    ("EX", "phone_extension"),
    ("EM", "email"),
    ("UR", "url"),
    ("FX", "fax"),
)
_TRIPLETS = 6
_INPATIENT_REMARKS = (5, 20, 21, 22, 23)
_OUTPATIENT_REMARKS = (3, 4, 5, 6, 7)


def remittance_segments(document: Document) -> Iterator[Segment]:
    """Yield the segments between ST and SE; the last elements of one may be empty."""
    payment = document["payment"]
    yield _bpr(payment)
    if payment.get("trace_number"):
        yield [
            "TRN",
            "1",
            payment["trace_number"],
            payment.get("originator_id", ""),
            payment.get("originator_suffix", ""),
        ]
    if document["currency"] != "USD":
        yield ["CUR", "PR", document["currency"]]
    if "production_date" in payment:
        yield ["DTM", "405", _date(payment["production_date"])]
    yield from _payer(document["payer"])
    yield from _payee(document["payee"])
    number = ""
    for claim in document["claims"]:
        assigned = claim.get("assigned_number", "")
        if assigned != number:
            number = assigned
            yield ["LX", number]
        yield from _claim(claim)
    yield from _provider_adjustments(document.get("provider_adjustments", ()))


def _date(text: str) -> str:
    return text.replace("-", "")


def _bpr(payment: Document) -> Segment:
    payer, payee = payment.get("payer_bank", {}), payment.get("payee_bank", {})
    return [
        "BPR",
        payment["handling_code"],
        _amount(payment["amount"]),
        payment.get("credit_debit", ""),
        payment.get("method", ""),
        payment.get("format", ""),
        *_bank(payer),
        payment.get("originator_id", "") if payer else "",
        payment.get("supplemental_code", ""),
        *_bank(payee),
        _date(payment.get("effective_date", "")),
    ]


def _bank(bank: Document) -> tuple[str, str, str, str]:
    routing, account = bank.get("routing", ""), bank.get("account_last4", "")
    return ("01" if routing else "", routing, "DA" if account else "", account)


def _amount(text: str) -> str:
    """Write an amount as X12 does: no zeros behind the point that say nothing."""
    return text.rstrip("0").rstrip(".")


def _payer(payer: Document) -> Iterator[Segment]:
    yield ["N1", "PR", payer["name"], payer.get("id_qualifier", ""), payer.get("id", "")]
    yield from _address(payer)
    yield from _references(payer.get("references", ()))
    for contact in payer.get("contacts", ()):
        yield _per(contact)


def _payee(payee: Document) -> Iterator[Segment]:
    qualifier = payee.get("id_qualifier", "")
    yield ["N1", "PE", payee["name"], qualifier, payee.get("id", "")]
    yield from _address(payee)
    tax_id = payee.get("tax_id", "")
    if tax_id and not (qualifier == "FI" and payee.get("id") == tax_id):
        yield ["REF", "TJ", tax_id]
    yield from _references(payee.get("references", ()))


def _address(party: Document) -> Iterator[Segment]:
    address = party.get("address", {})
    if "line1" in address or "line2" in address:
        yield ["N3", address.get("line1", ""), address.get("line2", "")]
    rest = [address.get(name, "") for name in ("city", "state", "postal_code", "country")]
    if any(rest):
        yield ["N4", *rest]


def _references(references: Any) -> Iterator[Segment]:
    for reference in references:
        yield ["REF", reference["qualifier"], reference["value"]]


def _per(contact: Document) -> Segment:
    ways = [part for code, name in _CHANNELS if name in contact for part in (code, contact[name])]
    return ["PER", contact.get("function", ""), contact.get("name", ""), *ways[:6]]


def _claim(claim: Document) -> Iterator[Segment]:
    yield [
        "CLP",
        claim["patient_control_number"],
        claim["status_code"],
        _amount(claim["charge"]),
        _amount(claim["paid"]),
        _amount(claim["patient_responsibility"]) if "patient_responsibility" in claim else "",
        claim.get("filing_indicator", ""),
        claim.get("payer_claim_control_number", ""),
        claim.get("facility_code", ""),
        claim.get("frequency_code", ""),
        "",
        claim.get("drg", ""),
        claim.get("drg_weight", ""),
        claim.get("discharge_fraction", ""),
    ]
    yield from _adjustments(claim["adjustments"])
    for code, name in PARTIES.items():
        if name in claim:
            yield _nm1(code, claim[name])
    yield from _adjudications(claim)
    yield from _references(claim.get("references", ()))
    yield from _references(claim.get("rendering_references", ()))
    for code, name in CLAIM_DATES.items():
        if name in claim:
            yield ["DTM", code, _date(claim[name])]
    for contact in claim.get("contacts", ()):
        yield _per(contact)
    yield from _information(claim)
    for line in claim["service_lines"]:
        yield from _line(line)


def _adjustments(adjustments: list[Document]) -> Iterator[Segment]:
    for group, members in groupby(adjustments, key=lambda one: str(one["group_code"])):
        segment = ["CAS", group]
        for one in members:
            if len(segment) > 3 * _TRIPLETS:
                yield segment
                segment = ["CAS", group]
            segment += [one["reason_code"], _amount(one["amount"]), one.get("quantity", "")]
        yield segment


def _nm1(code: str, party: Document) -> Segment:
    return [
        "NM1",
        code,
        party.get("entity_type", ""),
        party.get("name") or party.get("last_name", ""),
        party.get("first_name", ""),
        party.get("middle_name", ""),
        "",
        party.get("suffix", ""),
        party.get("id_qualifier", ""),
        party.get("id", ""),
    ]


def _adjudications(claim: Document) -> Iterator[Segment]:
    """Write MIA and MOA; remark codes go where there is room, in order."""
    remarks = list(claim.get("remark_codes", ()))
    if "inpatient_adjudication" in claim:
        yield _adjudication(
            "MIA", claim["inpatient_adjudication"], INPATIENT, _INPATIENT_REMARKS, remarks
        )
    while "outpatient_adjudication" in claim or remarks:
        found = claim.get("outpatient_adjudication", {})
        yield _adjudication("MOA", found, OUTPATIENT, _OUTPATIENT_REMARKS, remarks)
        if not remarks:
            break


def _adjudication(
    segment_id: str,
    found: Document,
    names: dict[int, str],
    places: tuple[int, ...],
    remarks: list[str],
) -> Segment:
    segment = [segment_id] + [""] * 24
    for at, name in names.items():
        text = found.get(name, "")
        segment[at] = _amount(text) if name.endswith("_amount") and text else text
    for at in places:
        if remarks:
            segment[at] = remarks.pop(0)
    return segment


def _information(loop: Document) -> Iterator[Segment]:
    for one in loop.get("amounts", ()):
        yield ["AMT", one["qualifier"], _amount(one["amount"])]
    for one in loop.get("quantities", ()):
        yield ["QTY", one["qualifier"], one["quantity"]]


def _procedure(procedure: Document | None) -> str:
    if procedure is None:
        return ""
    if not procedure["qualifier"]:
        return str(procedure["code"])
    modifiers = list(procedure.get("modifiers", ()))
    parts = [procedure["qualifier"], procedure["code"], *modifiers]
    if "description" in procedure:
        parts += [""] * (4 - len(modifiers)) + [procedure["description"]]
    return COMPONENT.join(parts)


def _line(line: Document) -> Iterator[Segment]:
    yield [
        "SVC",
        _procedure(line.get("procedure")),
        _amount(line["charge"]),
        _amount(line["paid"]),
        line.get("revenue_code", ""),
        line.get("units", ""),
        _procedure(line.get("submitted_procedure")),
        line.get("original_units", ""),
    ]
    begin, end = line.get("service_from", ""), line.get("service_to", "")
    if begin and begin == end:
        yield ["DTM", "472", _date(begin)]
    else:
        for code, date in (("150", begin), ("151", end)):
            if date:
                yield ["DTM", code, _date(date)]
    yield from _adjustments(line["adjustments"])
    if "line_control_number" in line:
        yield ["REF", "6R", line["line_control_number"]]
    yield from _references(line.get("references", ()))
    for policy in line.get("healthcare_policy_ids", ()):
        yield ["REF", "0K", policy]
    if "allowed" in line:
        yield ["AMT", "B6", _amount(line["allowed"])]
    yield from _information(line)
    for remark in line.get("remark_codes", ()):
        kind, _, code = remark.rpartition(":")
        yield ["LQ", kind or "HE", code]


def _provider_adjustments(adjustments: Any) -> Iterator[Segment]:
    def whose(one: Document) -> tuple[str, str]:
        return one["provider_id"], one.get("fiscal_period_date", "")

    for (provider, date), members in groupby(adjustments, key=whose):
        segment = ["PLB", provider, _date(date)]
        for one in members:
            if len(segment) >= 3 + 2 * _TRIPLETS:
                yield segment
                segment = ["PLB", provider, _date(date)]
            reference = one.get("reference_id", "")
            reason = (
                f"{one['reason_code']}{COMPONENT}{reference}" if reference else one["reason_code"]
            )
            segment += [reason, _amount(one["amount"])]
        yield segment
