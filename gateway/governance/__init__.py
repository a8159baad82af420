"""Keeps documents to their contracts: validators, profiles, masks, lint, lock. Pure."""

from gateway.governance.envelope import EventFacts, wrap
from gateway.governance.finding import LintFinding
from gateway.governance.guard import parse_document
from gateway.governance.masking import MaskPlan, compile_mask, phi_classes, shown_in_full
from gateway.governance.profiles import Profile, apply_profile
from gateway.governance.validator import compile_validator
from gateway.governance.violation import Validator, Violation

__all__ = [
    "EventFacts",
    "LintFinding",
    "MaskPlan",
    "Profile",
    "Validator",
    "Violation",
    "apply_profile",
    "compile_mask",
    "compile_validator",
    "parse_document",
    "phi_classes",
    "shown_in_full",
    "wrap",
]
