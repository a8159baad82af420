"""One way in which a document breaks its contract: places and names, never a value."""

from typing import Any, Protocol

import msgspec

__all__ = ["Validator", "Violation", "code_of"]

_CODES = {
    "const": "value_not_allowed",
    "dependentRequired": "property_missing",
    "enum": "value_not_allowed",
    "falseSchema": "value_not_allowed",
    "format": "format_wrong",
    "maxItems": "too_many_items",
    "maxLength": "text_too_long",
    "maximum": "number_out_of_range",
    "minItems": "too_few_items",
    "minLength": "text_too_short",
    "minimum": "number_out_of_range",
    "pattern": "pattern_not_met",
    "required": "property_missing",
    "type": "type_wrong",
    "unevaluatedProperties": "property_unknown",
    "additionalProperties": "property_unknown",
    "uniqueItems": "items_repeated",
}


class Violation(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """What is wrong where. `pointer` is into the document, `schema_pointer` into the contract.

    `expected` comes from the contract (the missing property's name, the bound, the type), never
    from the document; names of undeclared properties stay out because they may carry PHI.
    """

    pointer: str
    keyword: str
    schema_pointer: str
    code: str
    expected: str = ""


class Validator(Protocol):
    """What both engines offer."""

    def valid(self, document: Any) -> bool:
        """Tell whether the document satisfies the contract; stops at the first violation."""
        ...

    def errors(self, document: Any, limit: int = 100) -> list[Violation]:
        """Return up to `limit` violations, in the engine's order."""
        ...


def code_of(keyword: str) -> str:
    """Return the stable code of a violated keyword."""
    return _CODES.get(keyword, "contract_violated")
