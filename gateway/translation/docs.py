"""Rows of the generated tables about the language: functions, and reasons of refusal."""

from typing import Final

from gateway.translation.aggregates import AGGREGATES
from gateway.translation.errors import Rule, RunCode
from gateway.translation.forms import FORMS
from gateway.translation.functions import FUNCTIONS

__all__ = ["function_rows", "rule_rows", "run_code_rows"]

_RULES: Final[dict[Rule, str]] = {
    Rule.YAML: "The file is no plain YAML: a key twice, an anchor, a tag, a stray comma.",
    Rule.STRUCTURE: "A section is missing, misspelt or of the wrong form.",
    Rule.SYNTAX: "An expression does not follow the grammar; the column is named.",
    Rule.TOO_LARGE: "A bound of the language is passed: length, depth, loops, file size.",
    Rule.NAME_UNKNOWN: "A lookup of that name is not there.",
    Rule.NAME_TAKEN: "A new name would hide a field, a root or another name.",
    Rule.PATH_UNKNOWN: "The source (or the context) has no such field.",
    Rule.PATH_THROUGH_ARRAY: "A path cannot go through an array; use `each` or `for`.",
    Rule.OUT_NOT_YET: "`out` is read before that field is put out.",
    Rule.FUNCTION_UNKNOWN: "There is no such function.",
    Rule.ARGUMENTS: "A function was given too many, too few or unfit arguments.",
    Rule.TYPE_MISMATCH: "Kinds do not fit: money and text never mix.",
    Rule.MAY_BE_ABSENT: "Something optional stands where a value must be; give a default.",
    Rule.DIVISION_UNROUNDED: "`/` outside a rounding function.",
    Rule.MONEY_SCALE: "More decimal places than the target takes, without rounding.",
    Rule.TARGET_UNKNOWN: "The target has no such field.",
    Rule.TARGET_MISSING: "A field the target requires is not produced.",
    Rule.CONSTANT_REFUSED: "A written-out text is not allowed there by the target.",
    Rule.PHI_LEAK: "PHI would reach a target field that is marked as none.",
    Rule.LOOKUP_INVALID: "A lookup table is missing, ambiguous or lacks a column.",
    Rule.UNUSED: "A lookup or `let` is never used.",
    Rule.SCHEMA: "A schema does not stand alone.",
}

_RUN_CODES: Final[dict[RunCode, str]] = {
    RunCode.PATH_ABSENT: "A field that must be there is absent or null.",
    RunCode.VALUE_TYPE: "A value is of another kind than its schema says.",
    RunCode.VALUE_REFUSED: "A function cannot take this value (a date that is none, say).",
    RunCode.LOOKUP_MISS: "No row of the lookup fits and it has no `*` row.",
    RunCode.MONEY_SCALE: "More decimal places than the target takes, and not zeros.",
    RunCode.DECIMAL_SIZE: "A number too large or too fine to be held exactly.",
    RunCode.DIVISION_BY_ZERO: "A division by zero.",
    RunCode.TEXT_TOO_LONG: "A text made by the mapping passes 65,536 characters.",
    RunCode.LIMIT_STEPS: "The loops visit too many items.",
    RunCode.LIMIT_ROWS: "An output array has too many rows.",
    RunCode.LIMIT_OUTPUT: "The output grows too large.",
    RunCode.LIMIT_TIME: "The run takes too long.",
}


def function_rows() -> list[tuple[str, str]]:
    """Return signature and meaning of every function, by name."""
    found = {form.name: (form.signature, form.text) for form in FORMS.values()}
    found |= {one.name: (one.signature, one.text) for one in FUNCTIONS.values()}
    found |= {name: (a.signature, a.text) for name, a in AGGREGATES.items() if a.signature}
    return [found[name] for name in sorted(found)]


def rule_rows() -> list[tuple[str, str]]:
    """Return every reason to refuse a mapping at load, and what it means."""
    return [(rule.value, _RULES[rule]) for rule in Rule]


def run_code_rows() -> list[tuple[str, str]]:
    """Return every code with which a document is refused, and what it means."""
    return [(code.value, _RUN_CODES[code]) for code in RunCode]
