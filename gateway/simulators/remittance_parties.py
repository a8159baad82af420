"""Invented payers, payees and people for generated remittances."""

from typing import Any

import msgspec

__all__ = ["FIRST_NAMES", "LAST_NAMES", "PAYEES", "PAYERS", "PHYSICIANS", "Payee", "Payer"]

Document = dict[str, Any]


class Payer(msgspec.Struct, frozen=True, kw_only=True):
    """An invented health plan. `originator` is TRN03: "1" and an invented tax id;
    `allowed_percent` is what it allows of a charge."""

    id: str
    name: str
    originator: str
    trace_prefix: str
    method: str
    filing: str
    city: str
    state: str
    postal_code: str
    phone: str
    allowed_percent: int

    def document(self) -> Document:
        """Return the payer as a remittance-advice document has it."""
        return {
            "name": self.name,
            "id": self.id,
            "id_qualifier": "XV",
            "references": [{"qualifier": "2U", "value": self.id}],
            "address": {
                "line1": "1 EXAMPLE PLAZA",
                "city": self.city,
                "state": self.state,
                "postal_code": self.postal_code,
            },
            "contacts": [{"function": "BL", "name": "PROVIDER SERVICES", "phone": self.phone}],
        }


class Payee(msgspec.Struct, frozen=True, kw_only=True):
    """An invented provider organisation."""

    npi: str
    tax_id: str
    name: str
    account_last4: str

    def document(self) -> Document:
        """Return the payee as a remittance-advice document has it."""
        return {
            "name": self.name,
            "npi": self.npi,
            "tax_id": self.tax_id,
            "id": self.npi,
            "id_qualifier": "XX",
            "address": {
                "line1": "200 SAMPLE AVENUE",
                "line2": "SUITE 4",
                "city": "MODELTON",
                "state": "OH",
                "postal_code": "43999",
            },
        }


PAYERS = tuple(
    Payer(
        id=code,
        name=name,
        originator=originator,
        trace_prefix=prefix,
        method=method,
        filing=filing,
        city=city,
        state=state,
        postal_code=postal_code,
        phone=phone,
        allowed_percent=allowed,
    )
    for code, name, originator, prefix, method, filing, city, state, postal_code, phone, allowed in (
        (
            "NW001",
            "NORTHWIND HEALTH PLAN",
            "1900000011",
            "NW",
            "ACH",
            "12",
            "AUBURN",
            "ME",
            "04999",
            "8005550101",
            62,
        ),
        (
            "CB002",
            "COPPER BASIN MUTUAL",
            "1900000022",
            "CB",
            "ACH",
            "15",
            "ELKO",
            "NV",
            "89999",
            "8005550102",
            71,
        ),
        (
            "HL003",
            "HARBOR LIGHT MEDICARE PART B",
            "1900000033",
            "HL",
            "ACH",
            "MB",
            "MILLDALE",
            "MD",
            "21999",
            "8005550103",
            48,
        ),
        (
            "PS004",
            "PRAIRIE STATE MEDICAID",
            "1900000044",
            "PS",
            "CHK",
            "MC",
            "SALINA",
            "KS",
            "67999",
            "8005550104",
            39,
        ),
        (
            "TL005",
            "TALL TIMBER EMPLOYEE TRUST",
            "1900000055",
            "TL",
            "CHK",
            "14",
            "EUREKA",
            "CA",
            "95599",
            "8005550105",
            80,
        ),
        (
            "SG006",
            "SAGEBRUSH ADVANTAGE HMO",
            "1900000066",
            "SG",
            "ACH",
            "HM",
            "BOISE",
            "ID",
            "83799",
            "8005550106",
            57,
        ),
    )
)

PAYEES = tuple(
    Payee(npi=npi, tax_id=tax_id, name=name, account_last4=account)
    for npi, tax_id, name, account in (
        ("1990000017", "990000017", "RIVERBEND REGIONAL HOSPITAL", "7701"),
        ("1990000025", "990000025", "RIVERBEND PHYSICIAN GROUP", "7702"),
        ("1990000033", "990000033", "LAKEVIEW IMAGING PARTNERS", "7703"),
        ("1990000041", "990000041", "OAK HOLLOW BEHAVIORAL CARE", "7704"),
    )
)

PHYSICIANS = (
    ("ARDEN", "QUINN", "1980000012"),
    ("BELLWETHER", "MARIS", "1980000020"),
    ("CASTELLAN", "JUNO", "1980000038"),
    ("DUNMORE", "PELL", "1980000046"),
)

LAST_NAMES = [
    "ABERNATHYX",
    "BRAMBLE",
    "COVENTRYX",
    "DRAYTONX",
    "ELDERWOOD",
    "FENWICKX",
    "GALLOWEY",
    "HARTWELLX",
    "IRONSIDE",
    "JASPERSEN",
    "KINGSWELL",
    "LARKSPUR",
    "MERRIWEATHERX",
    "NIGHTINGALEX",
    "OAKENFULL",
    "PENHALLOW",
    "QUILLFEATHER",
    "ROSEWATER",
    "STARLINGTON",
    "THISTLEDOWN",
    "UNDERHILLX",
    "VALEWOOD",
    "WINTERBOURNEX",
    "YARROWBY",
]

FIRST_NAMES = [
    "ALMA",
    "BORIS",
    "CLEO",
    "DAMON",
    "EDDA",
    "FELIX",
    "GRETA",
    "HUGO",
    "INGA",
    "JORAH",
    "KIRA",
    "LOTTE",
    "MAGNUS",
    "NESSA",
    "ODIN",
    "PETRA",
    "RUFUS",
    "SANNA",
    "TOBIN",
    "URSA",
    "VIDA",
    "WREN",
]
