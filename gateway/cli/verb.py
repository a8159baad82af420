"""What a verb of the command line is: where its function stands, its line of help, its examples."""

from collections.abc import Iterable
from enum import StrEnum

import msgspec

__all__ = ["Group", "Verb", "prologue", "verb"]


class Group(StrEnum):
    """Who a verb is for; the headings of `remithub --help`."""

    TRY = "See it work"
    RUN = "Run and watch the hub"
    WRITE = "Write interfaces, mappings and contracts"
    BUILD = "Work on RemitHub itself"


class Verb(msgspec.Struct, frozen=True, kw_only=True):
    """One command. `name` is a verb or "noun verb"; `target` is "module:function", or "module:app"
    for a command tree of its own."""

    name: str
    target: str
    summary: str
    group: Group
    examples: tuple[str, ...]

    @property
    def noun(self) -> str:
        """The noun of "noun verb", else an empty string."""
        return self.name.rpartition(" ")[0]

    @property
    def prologue(self) -> str:
        """How this verb's help begins."""
        return prologue(self.examples)


def prologue(lines: Iterable[str]) -> str:
    """Return the examples that a help text begins with, one a line (a hard break in Markdown)."""
    return "  \n".join(["Examples:", *lines])


def verb(group: Group, name: str, summary: str, *examples: str, function: str = "") -> Verb:
    """Return a verb whose function, called like the verb unless said, stands in the module of its
    noun, or of the verb itself where it has none."""
    noun, _, own = name.rpartition(" ")
    module = noun or own
    return Verb(
        name=name,
        target=f"gateway.cli.{module}:{function or own}",
        summary=summary,
        group=group,
        examples=tuple(f"remithub {example}" for example in examples),
    )
