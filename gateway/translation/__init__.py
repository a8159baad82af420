"""The mapping language: compiles and runs mappings and conditions; pure, reads no files."""

from gateway.translation.errors import MappingError, Rule, RunCode, Untranslatable
from gateway.translation.header import Header, Side, read_header
from gateway.translation.limits import DEFAULT_LIMITS, Limits
from gateway.translation.mapping import FieldTrace, Mapping, Trace, compile_mapping
from gateway.translation.predicates import (
    Expression,
    Outcome,
    Predicate,
    compile_expression,
    compile_predicate,
)

__all__ = [
    "DEFAULT_LIMITS",
    "Expression",
    "FieldTrace",
    "Header",
    "Limits",
    "Mapping",
    "MappingError",
    "Outcome",
    "Predicate",
    "Rule",
    "RunCode",
    "Side",
    "Trace",
    "Untranslatable",
    "compile_expression",
    "compile_mapping",
    "compile_predicate",
    "read_header",
]
