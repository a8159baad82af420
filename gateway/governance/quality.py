"""Quality rules: what must hold between the fields of a document, such as money that adds up.

They stand in `contracts/<name>/quality.yaml`, in the expressions of the mapping language, beside
the schema and not in it: partners' validators cannot run them, and what follows differs by partner.

    rules:
      claim-adds-up:
        description: A claim's charge less its adjustments is what is paid.
        each: claim in claims            # optional, a list for arrays in arrays
        when: claim.paid != 0.00         # optional
        that: claim.charge - sum(a.amount for a in claim.adjustments) == claim.paid
        severity: error                  # error, warning, info
        outcome: warn                    # reject, warn, pass, where a partner says nothing else
"""

import re
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Any

import msgspec
import yaml
from msgspec import Meta

from gateway.errors import ConfigError, NotFound, Reject
from gateway.registry import Registry
from gateway.settings import Tree, decode, load
from gateway.translation import DEFAULT_LIMITS, Limits, MappingError, compile_mapping
from gateway.translation import Mapping as Compiled

__all__ = [
    "Outcome",
    "Partners",
    "Quality",
    "QualityFinding",
    "QualityRule",
    "Severity",
    "compile_quality",
    "read_partners",
    "worst",
]

_EACH = re.compile(r"([a-z][a-z0-9_]*) in ((?:[a-z][a-z0-9_]*\.)*[a-z][a-z0-9_]*)(\?? *)")
_MAX_FOUND = 100
_NAME = re.compile(r"[a-z][a-z0-9-]{1,62}")


class Outcome(StrEnum):
    """What follows from a broken rule, the mildest first."""

    PASS = "pass"  # noqa: S105  an outcome, no password
    """It is counted, nothing else."""
    WARN = "warn"
    """The message goes on and carries the finding."""
    REJECT = "reject"
    """The document is refused, like one that breaks its schema."""


_WEIGHT = {outcome: weight for weight, outcome in enumerate(Outcome)}


class Severity(StrEnum):
    """How much a broken rule matters, whoever the partner is."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class QualityFinding(msgspec.Struct, frozen=True, kw_only=True):
    """One place where a rule does not hold; names and places, never a value.

    `code` is RULE_BROKEN, or why the rule could not be worked out there.
    """

    rule: str
    severity: Severity
    outcome: Outcome
    pointer: str
    code: str


class _Written(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One rule as it stands in the file."""

    description: Annotated[str, Meta(min_length=1)]
    that: str
    each: str | tuple[str, ...] = ()
    let: dict[str, str] = {}
    when: str = ""
    severity: Severity = Severity.ERROR
    outcome: Outcome = Outcome.WARN

    @property
    def loops(self) -> tuple[str, ...]:
        return (self.each,) if isinstance(self.each, str) else self.each


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rules: dict[str, Any]


class QualityRule:
    """One compiled rule. Immutable, safe to share between threads."""

    def __init__(self, name: str, written: _Written, mapping: Compiled) -> None:
        self.name = name
        self.description = written.description
        self.severity = written.severity
        self.outcome = written.outcome
        """Where a partner says nothing else."""
        self.reads = mapping.reads
        """Places of the document that it reads, array indexes as `*`."""
        self._mapping = mapping
        self._arrays = [_array(text) for text in written.loops]

    def broken(self, document: dict[str, Any]) -> Iterator[tuple[str, str]]:
        """Yield pointer and code of each place where the rule does not hold."""
        try:
            made = self._mapping.run(document, {})
        except Reject as refusal:
            yield getattr(refusal, "source_pointer", ""), refusal.code
            return
        for row in made.get("found", []):
            yield self._pointer([row[key] for key in sorted(row)]), "RULE_BROKEN"

    def _pointer(self, positions: list[int]) -> str:
        bases: dict[str, str] = {}
        pointer = ""
        for (name, path), position in zip(self._arrays, positions, strict=False):
            first, *rest = path.split(".")
            base = bases.get(first, f"/{first}")
            pointer = "/".join([base, *rest, str(position - 1)])
            bases[name] = pointer
        return pointer


class Quality:
    """The rules of one contract version."""

    def __init__(self, contract: str, rules: tuple[QualityRule, ...]) -> None:
        self.contract = contract
        self.rules = rules

    @property
    def names(self) -> frozenset[str]:
        """The names of the rules."""
        return frozenset(rule.name for rule in self.rules)

    def judge(
        self, document: dict[str, Any], outcomes: Mapping[str, Outcome] | None = None
    ) -> tuple[QualityFinding, ...]:
        """Return where rules do not hold, at most 100 places a rule.

        The document satisfies its schema. `outcomes` is what one partner says of rules by name.
        """
        return tuple(
            QualityFinding(
                rule=rule.name,
                severity=rule.severity,
                outcome=(outcomes or {}).get(rule.name, rule.outcome),
                pointer=pointer,
                code=code,
            )
            for rule in self.rules
            for pointer, code in _first(rule.broken(document))
        )


def _first(found: Iterator[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    for _, one in zip(range(_MAX_FOUND), found, strict=False):
        yield one


def worst(findings: tuple[QualityFinding, ...]) -> Outcome:
    """Return what follows from all findings together; `pass` where there is none."""
    found = (finding.outcome for finding in findings)
    return max(found, key=_WEIGHT.__getitem__, default=Outcome.PASS)


def compile_quality(
    registry: Registry, contract: str, version: str = "*", *, limits: Limits = DEFAULT_LIMITS
) -> Quality:
    """Compile the rules of a contract against one version's schema; without a file there is none.

    Raises ConfigError with file and line for a rule that is wrong, NotFound for no such version.
    """
    found = registry.contract(contract, version)
    file = registry.quality(contract)
    if file is None:
        return Quality(found.identity, ())
    place = f"contracts/{contract}/quality.yaml"
    tree = load(file.read_text(encoding="utf-8"), file=place)
    schema = registry.bundled_schema(contract, found.version)
    compiled = (
        _compile(name, rule, schema, tree, limits) for name, rule in _written(tree).items()
    )
    return Quality(found.identity, tuple(compiled))


def _written(tree: Tree) -> dict[str, _Written]:
    rules = decode(tree, _File).rules
    for name in rules:
        if not _NAME.fullmatch(name):
            line = tree.line_of(f"$.rules.{name}")
            raise ConfigError("a rule's name reads `claim-adds-up`.", file=tree.file, line=line)
    return {
        name: decode(tree, _Written, at=f"$.rules.{name}", data=data)
        for name, data in rules.items()
    }


def _compile(
    name: str, rule: _Written, schema: dict[str, Any], tree: Tree, limits: Limits
) -> QualityRule:
    line = tree.line_of(f"$.rules.{name}")
    if not all(_EACH.fullmatch(text) for text in rule.loops):
        raise ConfigError("'each' reads `claim in claims`.", file=tree.file, line=line)
    body = {
        "mapping": "quality-rule",
        "version": "1.0.0",
        "source": {"any": "true"},
        "target": {"any": "true"},
        "fields": {"found": [_entry(rule, 0)]},
    }
    try:
        mapping = compile_mapping(
            yaml.safe_dump(body, sort_keys=False, width=10_000),
            source_schema=schema,
            target_schema=None,
            tables=_no_table,
            file=tree.file,
            limits=limits,
        )
    except MappingError as error:
        reason = f"rule {name}: {error.detail}"
        raise MappingError(error.rule, reason, file=tree.file, line=line) from None
    return QualityRule(name, rule, mapping)


def _entry(rule: _Written, depth: int) -> dict[str, Any]:
    """Write a rule as rows of a mapping: one for each place where it does not hold."""
    loops = rule.loops
    positions = {f"at_{at}": f"position_{at}" for at in range(len(loops))}
    entry: dict[str, Any] = {}
    names: dict[str, str] = {}
    if depth < len(loops):
        entry["each"] = loops[depth].strip()
        names[f"position_{depth}"] = "index()"
    innermost = depth >= len(loops) - 1
    if innermost:
        names |= rule.let
    if names:
        entry["let"] = names
    if not innermost:
        return entry | {"emit": [_entry(rule, depth + 1)]}
    broken = f"not ({rule.that})"
    entry["when"] = f"({rule.when}) and {broken}" if rule.when else broken
    return entry | {"row": positions or {"at": "1"}}


def _array(text: str) -> tuple[str, str]:
    found = _EACH.fullmatch(text)
    return (found[1], found[2]) if found else ("", "")


def _no_table(name: str) -> str:
    raise ConfigError(f"a quality rule has no lookup table '{name}'.")


class _PartnersFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    partners: dict[str, dict[str, dict[str, Any]]] = {}


class Partners(msgspec.Struct, frozen=True):
    """`config/quality.yaml`: what follows from broken rules, by interface, contract and rule."""

    partners: Mapping[str, Mapping[str, Mapping[str, Outcome]]] = {}

    def of(self, interface: str, contract: str) -> Mapping[str, Outcome]:
        """Return what one interface says of the rules of a contract."""
        return self.partners.get(interface, {}).get(contract, {})


def read_partners(tree: Tree, *, rules: Callable[[str], frozenset[str]]) -> Partners:
    """Read `config/quality.yaml`. `rules` gives the names of a contract's rules, or raises
    NotFound.

    Raises ConfigError with file and line, also for a contract or a rule that is not there.
    """
    found: dict[str, dict[str, dict[str, Outcome]]] = {}
    for interface, contracts in decode(tree, _PartnersFile).partners.items():
        for contract, said in contracts.items():
            place = f"$.partners.{interface}.{contract}"
            try:
                unknown = set(said) - rules(contract)
            except NotFound as error:
                raise ConfigError(
                    error.message, file=tree.file, line=tree.line_of(place)
                ) from None
            for rule in sorted(unknown):
                reason = f"{contract} has no quality rule '{rule}'."
                raise ConfigError(reason, file=tree.file, line=tree.line_of(f"{place}.{rule}"))
            found.setdefault(interface, {})[contract] = {
                rule: decode(tree, Outcome, at=f"{place}.{rule}", data=outcome)
                for rule, outcome in said.items()
            }
    return Partners(found)
