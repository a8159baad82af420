"""Checks a compiled value against its place in the target, and writes it as documents hold it."""

from typing import Any

from gateway.translation.emitter import Emitter
from gateway.translation.errors import MappingError, Rule, RunCode
from gateway.translation.kinds import Kind, Value
from gateway.translation.numbers import decimal_number, decimal_text
from gateway.translation.paths import CHECKS
from gateway.translation.patterns import accepts
from gateway.translation.shapes import Shape

__all__ = ["Outputs", "misfit"]


Pairs = set[tuple[int, int]]


def misfit(source: Shape, target: Shape, *, at: str = "", seen: Pairs | None = None) -> str:
    """Say why a whole source value cannot be copied to the target; empty where it can.

    `seen` holds the pairs under comparison, so that recursive schemas come to an end.
    """
    seen = set() if seen is None else seen
    pair = (id(source.node), id(target.node))
    if Kind.ANY in {source.kind, target.kind} or pair in seen:
        return ""
    seen.add(pair)
    if source.kind is not target.kind:
        return f"{at or 'it'} is {source.kind}, the target wants {target.kind}"
    match source.kind:
        case Kind.LIST:
            return misfit(source.items, target.items, at=f"{at}[]", seen=seen)
        case Kind.OBJECT:
            return _object_misfit(source, target, at=at, seen=seen)
        case _:
            return _leaf_misfit(source, target, at)


def _leaf_misfit(source: Shape, target: Shape, at: str) -> str:
    if target.promises_no_phi and source.phi:
        return f"{at or 'it'} is PHI ({', '.join(sorted(source.phi))}), the target is marked none"
    most, wanted = source.places[1], target.places[1]
    if source.kind is Kind.DECIMAL and wanted is not None and (most is None or most > wanted):
        return f"{at or 'it'} has more decimal places than the target"
    return ""


def _object_misfit(source: Shape, target: Shape, *, at: str, seen: Pairs) -> str:
    prefix = f"{at}." if at else ""
    for name in sorted(target.required):
        if name not in source.required and not source.open:
            return f"{prefix}{name} is required by the target and may be absent"
    for name, shape in source.listed.items():
        wanted = target.child(name)
        if wanted is None:
            return f"{prefix}{name} is unknown to the target"
        reason = misfit(shape, wanted, at=f"{prefix}{name}", seen=seen)
        if reason:
            return reason
    return ""


class Outputs:
    """Writes values to the output of one program."""

    def __init__(self, emitter: Emitter, output_bytes: int) -> None:
        self.emitter = emitter
        self.output_bytes = output_bytes

    def write(self, value: Value, target: Shape) -> str:
        """Return Python text of the value as the target document holds it.

        Raises MappingError: TYPE_MISMATCH, MONEY_SCALE, CONSTANT_REFUSED, PHI_LEAK.
        """
        self._phi(value, target)
        kind, wanted = value.type.kind, target.kind
        if Kind.ANY not in {kind, wanted} and kind is not wanted:
            raise MappingError(
                Rule.TYPE_MISMATCH, f"the target wants {wanted}, the expression gives {kind}"
            )
        if Kind.DECIMAL in {kind, wanted}:
            return self._decimal(value, target)
        if kind is Kind.ANY:
            return self._any(value, wanted)
        if kind in {Kind.LIST, Kind.OBJECT}:
            return self._whole(value, target)
        if value.constant is not None:
            _constant(value.constant, target)
        return value.code

    def _phi(self, value: Value, target: Shape) -> None:
        leaf = target.items if target.kind is Kind.LIST else target
        if value.type.phi and leaf.promises_no_phi:
            classes = ", ".join(sorted(value.type.phi))
            raise MappingError(Rule.PHI_LEAK, f"PHI ({classes}) would reach a target marked none")

    def _decimal(self, value: Value, target: Shape) -> str:
        fewest, most = target.places if target.kind is Kind.DECIMAL else (2, None)
        scale = value.type.scale
        if most is not None and scale is not None and scale > most:
            raise MappingError(
                Rule.MONEY_SCALE,
                f"up to {scale} decimal places would be cut to {most}: use a rounding function",
            )
        if value.constant is not None and not isinstance(value.constant, str | bool):
            if target.as_number:
                return self.emitter.constant(decimal_number(value.constant))
            return repr(decimal_text(value.constant, fewest, most))
        source, guard = value.origin, ""
        code = value.code
        if value.type.optional:
            code = self.emitter.let(code)
            guard = f"None if {code} is None else "
        if value.type.kind is Kind.ANY:
            code = self.emitter.let(f"{guard}to_decimal({code})", source=source)
        if target.as_number:
            return self.emitter.let(f"{guard}decimal_number({code})", source=source)
        if (fewest, most) != (2, 2) or guard:
            call = f"{guard}decimal_text({code}, {fewest}, {most})"
            return self.emitter.let(call, source=source, error=RunCode.MONEY_SCALE)
        return self._money(code, value)

    def _money(self, code: str, value: Value) -> str:
        """Two places is how most money comes out of arithmetic: take it as it is."""
        known = self.emitter.known.get(f"money:{code}")
        if known is not None:
            return known
        if not code.isidentifier():
            code = self.emitter.let(code, source=value.origin)
        text = self.emitter.let(f"str({code})", stem="s")
        self.emitter.put(
            f"if {text}[-3:-2] != '.' or {text} == '-0.00': {text} = money_text({code})",
            source=value.origin,
        )
        self.emitter.known[f"money:{code}"] = text
        return text

    def _any(self, value: Value, wanted: Kind) -> str:
        code = self.emitter.let(value.code)
        check = CHECKS.get(wanted)
        test = f"{code}.__class__ is float"
        if check is not None:
            guard = f"{code} is not None and " if value.type.optional else ""
            test = f"{guard}{code}.__class__ is not {check}"
        self.emitter.put(f"if {test}: raise Bad", source=value.origin)
        self.weigh(code)
        return code

    def _whole(self, value: Value, target: Shape) -> str:
        if value.type.shape is not None:
            reason = misfit(value.type.shape, target)
            if reason:
                rule = Rule.PHI_LEAK if "PHI" in reason else Rule.TYPE_MISMATCH
                raise MappingError(rule, reason)
        code = self.emitter.let(value.code)
        self.weigh(code)
        return code

    def weigh(self, code: str) -> None:
        """Count the size of something copied whole, where a loop could copy it many times."""
        if self.emitter.loops:
            self.emitter.put(f"used += weigh({code})")
            self.emitter.put(
                f"if used > {self.output_bytes}: raise Bad", code=RunCode.LIMIT_OUTPUT
            )


def _constant(constant: Any, target: Shape) -> None:
    node = target.node
    allowed = [node["const"]] if "const" in node else node.get("enum")
    if allowed is not None and not node.get("x-extensible") and constant not in allowed:
        raise MappingError(Rule.CONSTANT_REFUSED, "the target's closed list has no such value")
    if not isinstance(constant, str):
        return
    if not node.get("minLength", 0) <= len(constant) <= node.get("maxLength", len(constant)):
        raise MappingError(Rule.CONSTANT_REFUSED, "the text is too short or long for the target")
    pattern = node.get("pattern")
    if pattern is not None and not accepts(pattern, constant):
        raise MappingError(Rule.CONSTANT_REFUSED, "the text does not fit the target's pattern")
