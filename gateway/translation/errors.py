"""What can go wrong with a mapping: at load (ours to mend) and at run (the document's fault)."""

from enum import StrEnum

from gateway.errors import ConfigError, Reject

__all__ = ["MappingError", "Rule", "RunCode", "Untranslatable"]


class Rule(StrEnum):
    """Why a mapping was refused at load. Stable; shown in brackets before the reason."""

    YAML = "YAML"
    STRUCTURE = "STRUCTURE"
    SYNTAX = "SYNTAX"
    TOO_LARGE = "TOO_LARGE"
    NAME_UNKNOWN = "NAME_UNKNOWN"
    NAME_TAKEN = "NAME_TAKEN"
    PATH_UNKNOWN = "PATH_UNKNOWN"
    PATH_THROUGH_ARRAY = "PATH_THROUGH_ARRAY"
    OUT_NOT_YET = "OUT_NOT_YET"
    FUNCTION_UNKNOWN = "FUNCTION_UNKNOWN"
    ARGUMENTS = "ARGUMENTS"
    TYPE_MISMATCH = "TYPE_MISMATCH"
    MAY_BE_ABSENT = "MAY_BE_ABSENT"
    DIVISION_UNROUNDED = "DIVISION_UNROUNDED"
    MONEY_SCALE = "MONEY_SCALE"
    TARGET_UNKNOWN = "TARGET_UNKNOWN"
    TARGET_MISSING = "TARGET_MISSING"
    CONSTANT_REFUSED = "CONSTANT_REFUSED"
    PHI_LEAK = "PHI_LEAK"
    LOOKUP_INVALID = "LOOKUP_INVALID"
    UNUSED = "UNUSED"
    SCHEMA = "SCHEMA"


class RunCode(StrEnum):
    """Why a document could not be translated. A failed `assert` gives its own code instead."""

    PATH_ABSENT = "PATH_ABSENT"
    VALUE_TYPE = "VALUE_TYPE"
    VALUE_REFUSED = "VALUE_REFUSED"
    LOOKUP_MISS = "LOOKUP_MISS"
    MONEY_SCALE = "MONEY_SCALE"
    DECIMAL_SIZE = "DECIMAL_SIZE"
    DIVISION_BY_ZERO = "DIVISION_BY_ZERO"
    TEXT_TOO_LONG = "TEXT_TOO_LONG"
    LIMIT_STEPS = "LIMIT_STEPS"
    LIMIT_ROWS = "LIMIT_ROWS"
    LIMIT_OUTPUT = "LIMIT_OUTPUT"
    LIMIT_TIME = "LIMIT_TIME"


class MappingError(ConfigError):
    """The mapping, or a predicate, is wrong: refused at load, with file, line and rule."""

    code = "mapping_invalid"

    def __init__(self, rule: Rule, reason: str, *, file: str = "", line: int = 0) -> None:
        super().__init__(f"[{rule}] {reason}", file=file, line=line)
        self.rule = rule
        self.detail = reason


class Untranslatable(Reject):
    """The document cannot pass through this mapping; names places, never values.

    `target_pointer` and `source_pointer` are JSON Pointers (RFC 6901); either may be empty
    where the fault has no place on that side.
    """

    code = "untranslatable"

    def __init__(
        self,
        code: str,
        *,
        mapping: str,
        version: str,
        yaml_line: int,
        target_pointer: str = "",
        source_pointer: str = "",
    ) -> None:
        reading = f", reading {source_pointer}" if source_pointer else ""
        super().__init__(
            f"{code}: mapping {mapping} {version}, line {yaml_line}, "
            f"target {target_pointer or '/'}{reading}.",
            code=code,
            next_step="correct the mapping or ask the sender, then replay.",
        )
        self.mapping = mapping
        self.version = version
        self.yaml_line = yaml_line
        self.target_pointer = target_pointer
        self.source_pointer = source_pointer

    def places(self) -> dict[str, str | int]:
        """Return the error as a plain document: code and places, no values."""
        return {
            "code": self.code,
            "mapping": self.mapping,
            "version": self.version,
            "yaml_line": self.yaml_line,
            "target_pointer": self.target_pointer,
            "source_pointer": self.source_pointer,
        }
