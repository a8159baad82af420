"""Code sets of the 835 (005010X221A1, with what 004010X091A1 adds): the codes only, no texts.

Sets are open: an unknown code is reported, never refused.
"""

__all__ = [
    "ADJUSTMENT_GROUPS",
    "CLAIM_DATES",
    "CLAIM_STATUSES",
    "HANDLING_CODES",
    "INPATIENT",
    "LINE_DATES",
    "OUTPATIENT",
    "PARTIES",
    "PAYMENT_METHODS",
    "PREDETERMINATION",
    "PROVIDER_ADJUSTMENT_REASONS",
    "RENDERING_REFERENCES",
    "REVERSAL",
    "VERSIONS",
]

HANDLING_CODES = frozenset("CDHIPUX")
"""BPR01."""

PAYMENT_METHODS = frozenset({"ACH", "BOP", "CHK", "FWT", "NON"})
"""BPR04."""

CLAIM_STATUSES = frozenset(
    {
        "1",
        "2",
        "3",
        "4",
        "5",
        "10",
        "13",
        "15",
        "16",
        "17",
        "19",
        "20",
        "21",
        "22",
        "23",
        "25",
        "27",
    }
)
"""CLP02; 5 to 17 and 27 only in 004010X091A1."""

REVERSAL = "22"
PREDETERMINATION = "25"

ADJUSTMENT_GROUPS = frozenset({"CO", "CR", "OA", "PI", "PR"})
"""CAS01; CR only in 004010X091A1."""

PROVIDER_ADJUSTMENT_REASONS = frozenset(
    [
        "50",
        "51",
        "72",
        "90",
        "AA",
        "AH",
        "AM",
        "AP",
        "B2",
        "B3",
        "BD",
        "BN",
        "C5",
        "CR",
        "CS",
        "CT",
        "CV",
        "CW",
        "DM",
        "E3",
        "FB",
        "FC",
        "GO",
        "HM",
        "IP",
        "IR",
        "IS",
        "J1",
        "L3",
        "L6",
        "LE",
        "LS",
        "OA",
        "OB",
        "PI",
        "PL",
        "PW",
        "RA",
        "RE",
        "RS",
        "SL",
        "TL",
        "WO",
        "WU",
        "WW",
        "ZZ",
    ]
)
"""PLB03-1."""

PARTIES = {
    "QC": "patient",
    "IL": "insured",
    "74": "corrected_insured",
    "82": "rendering",
    "TT": "crossover_carrier",
    "PR": "corrected_payer",
    "GB": "other_subscriber",
}
"""NM101 in loop 2100, by the field of the contract."""

CLAIM_DATES = {
    "232": "service_from",
    "233": "service_to",
    "050": "received_date",
    "036": "coverage_expiration_date",
}
"""DTM01 in loop 2100, by the field of the contract."""

LINE_DATES = {"150": "service_from", "151": "service_to"}
"""DTM01 in loop 2110 beside 472, by the field of the contract."""

RENDERING_REFERENCES = frozenset(
    {"0B", "1A", "1B", "1C", "1D", "1G", "1H", "1J", "D3", "G2", "HPI", "LU", "SY", "TJ"}
)
"""REF01 in loop 2100 that name the rendering provider."""

VERSIONS = ("005010X221", "004010X091")
"""GS08 (else ST03) of the implementation guides that are known in full."""

INPATIENT = {
    1: "covered_days",
    2: "pps_operating_outlier_amount",
    3: "lifetime_psychiatric_days",
    4: "drg_amount",
    6: "disproportionate_share_amount",
    7: "msp_pass_through_amount",
    8: "pps_capital_amount",
    9: "pps_capital_fsp_drg_amount",
    10: "pps_capital_hsp_drg_amount",
    11: "pps_capital_dsh_drg_amount",
    12: "old_capital_amount",
    13: "pps_capital_ime_amount",
    14: "pps_operating_hospital_specific_drg_amount",
    15: "cost_report_day_count",
    16: "pps_operating_federal_specific_drg_amount",
    17: "pps_capital_outlier_amount",
    18: "indirect_teaching_amount",
    19: "nonpayable_professional_component_amount",
    24: "pps_capital_exception_amount",
}
"""MIA elements by position; 5 and 20 to 23 are remark codes."""

OUTPATIENT = {
    1: "reimbursement_rate",
    2: "hcpcs_payable_amount",
    8: "esrd_payment_amount",
    9: "nonpayable_professional_component_amount",
}
"""MOA elements by position; 3 to 7 are remark codes."""
