"""The six kinds of JSON values; an integer is a number without a fraction."""

from enum import StrEnum

__all__ = ["Kind"]


class Kind(StrEnum):
    """What `type` may say, without "integer"."""

    STRING = "string"
    NUMBER = "number"
    OBJECT = "object"
    ARRAY = "array"
    BOOLEAN = "boolean"
    NULL = "null"
