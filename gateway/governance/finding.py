"""What a check of the contracts found: the place and the rule."""

import msgspec

__all__ = ["LintFinding"]


class LintFinding(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One broken rule. `file` is relative to `contracts/`, `pointer` a JSON pointer into it."""

    file: str
    pointer: str
    rule: str
    text: str
