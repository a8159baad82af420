"""Compiles a path: loads each step once, checks the kind at the end, knows where it came from."""

from typing import Final

from gateway.translation.emitter import Emitter
from gateway.translation.errors import MappingError, Rule, RunCode
from gateway.translation.kinds import Kind, Origin, Type, Value
from gateway.translation.nearness import did_you_mean
from gateway.translation.scope import CONTEXT_FIELDS, Binding, Scope
from gateway.translation.shapes import Shape, open_shape
from gateway.translation.syntax import Path

__all__ = ["CHECKS", "PathCompiler", "dotted"]

CHECKS: Final = {
    Kind.TEXT: "str",
    Kind.INTEGER: "int",
    Kind.BOOLEAN: "bool",
    Kind.LIST: "list",
    Kind.OBJECT: "dict",
}
"""Python class a document holds for a kind; decimals are converted instead of checked."""


def dotted(path: Path) -> str:
    """Return the path as written, for messages."""
    return ".".join(path.parts) + ("?" if path.optional else "")


def _shape_type(shape: Shape, *, optional: bool, origin: Origin | None) -> Type:
    leaf = shape.kind not in {Kind.OBJECT, Kind.LIST}
    return Type(
        kind=shape.kind,
        optional=optional,
        scale=shape.places[1] if shape.kind is Kind.DECIMAL else None,
        phi=shape.phi if leaf else shape.all_phi,
        reads=frozenset() if origin is None else frozenset({origin}),
        shape=shape,
    )


class PathCompiler:
    """Turns paths into loads on one emitter, within one scope."""

    def __init__(self, emitter: Emitter, scope: Scope) -> None:
        self.emitter = emitter
        self.scope = scope

    def compile(self, path: Path) -> Value:
        """Return the value of a path. Raises MappingError naming the path."""
        first, rest = path.parts[0], path.parts[1:]
        bound = self.scope.find(first)
        if bound is not None:
            return self._from(bound, rest, path)
        match first:
            case "context":
                return self._context(path)
            case "out":
                return self._out(rest, path)
            case "input":
                return self._from(self.scope.input, rest, path)
            case _ if self.scope.bare_output:
                return self._out(path.parts, path)
            case _:
                return self._from(self.scope.input, path.parts, path)

    def _context(self, path: Path) -> Value:
        if len(path.parts) != 2 or path.parts[1] not in CONTEXT_FIELDS:
            known = ", ".join(sorted(CONTEXT_FIELDS))
            raise MappingError(Rule.PATH_UNKNOWN, f"'{dotted(path)}' is none of context.{known}")
        name = path.parts[1]
        code = f"ctx.get({name!r})" if path.optional else f"ctx[{name!r}]"
        value = self._once(f"ctx.{dotted(path)}", code, None, RunCode.PATH_ABSENT)
        kind = CONTEXT_FIELDS[name]
        self._check(value, kind, None, optional=path.optional)
        scale = 0 if kind is Kind.INTEGER else None
        return Value(code=value, type=Type(kind=kind, optional=path.optional, scale=scale))

    def _out(self, parts: tuple[str, ...], path: Path) -> Value:
        if parts in self.scope.produced.open_rows:
            raise MappingError(Rule.OUT_NOT_YET, f"'{dotted(path)}' is still being filled here")
        found = self.scope.produced.values.get(parts)
        if found is None:
            raise MappingError(
                Rule.OUT_NOT_YET, f"'{dotted(path)}' is not a field put out before this line"
            )
        return found

    def _from(self, bound: Binding, parts: tuple[str, ...], path: Path) -> Value:
        if not parts:
            return Value(code=bound.code, type=bound.type, origin=bound.origin)
        if bound.type.optional and not path.optional:
            raise MappingError(
                Rule.MAY_BE_ABSENT, f"'{dotted(path)}' may be absent: end it in '?'"
            )
        shape = bound.type.shape or open_shape()
        holder, origin = bound.code, bound.origin
        for number, name in enumerate(parts):
            shape = self._step(bound.type.kind if number == 0 else shape.kind, shape, name, path)
            origin = None if origin is None else (*origin, name)
            last = number == len(parts) - 1
            maybe = bound.type.optional if number == 0 else path.optional
            if last:
                return self._leaf(holder, name, shape, origin, maybe=maybe, path=path)
            holder = self._object(holder, name, origin, maybe=maybe, optional=path.optional)
        raise AssertionError

    def _step(self, kind: Kind, shape: Shape, name: str, path: Path) -> Shape:
        if kind is Kind.LIST:
            raise MappingError(
                Rule.PATH_THROUGH_ARRAY,
                f"'{dotted(path)}' goes through an array: use each, or a function with 'for'",
            )
        found = shape.child(name) if kind in {Kind.OBJECT, Kind.ANY} else None
        if found is None:
            raise MappingError(
                Rule.PATH_UNKNOWN,
                f"'{dotted(path)}' does not exist in the source: no '{name}'"
                + did_you_mean(name, shape.listed),
            )
        return found

    def _object(
        self, holder: str, name: str, origin: Origin | None, *, maybe: bool, optional: bool
    ) -> str:
        return self._load(holder, name, origin, maybe=maybe, optional=optional)

    def _load(
        self, holder: str, name: str, origin: Origin | None, *, maybe: bool, optional: bool
    ) -> str:
        if not optional:
            return self._once(f"{holder}.{name}", f"{holder}[{name!r}]", origin)
        known = self.emitter.known.get(f"{holder}.{name}")
        if known is not None:
            return known
        code = f"{holder}.get({name!r})"
        if maybe:
            code = f"None if {holder} is None else {code}"
        return self._once(f"{holder}.{name}?", code, origin)

    def _once(
        self, key: str, code: str, origin: Origin | None, error: RunCode | None = None
    ) -> str:
        known = self.emitter.known.get(key)
        if known is None:
            known = self.emitter.let(code, source=origin, error=error)
            self.emitter.known[key] = known
        return known

    def _leaf(
        self,
        holder: str,
        name: str,
        shape: Shape,
        origin: Origin | None,
        *,
        maybe: bool,
        path: Path,
    ) -> Value:
        kind, optional = shape.kind, path.optional
        if origin is not None:
            self.scope.reads.add(origin)
        type_ = _shape_type(shape, optional=optional, origin=origin)
        key = f"{holder}.{name}:{kind}{'?' if optional else ''}"
        known = self.emitter.known.get(key)
        if known is None:
            if kind is Kind.DECIMAL and not optional:
                known = self.emitter.let(f"D({holder}[{name!r}])", source=origin)
            else:
                raw = self._load(holder, name, origin, maybe=maybe, optional=optional)
                known = self._check(raw, kind, origin, optional=optional)
            self.emitter.known[key] = known
        return Value(code=known, type=type_, origin=origin)

    def _check(self, name: str, kind: Kind, origin: Origin | None, *, optional: bool) -> str:
        """Write the check of a loaded value; return the variable that holds it ready for use."""
        if kind is Kind.DECIMAL:
            maybe = f"None if {name} is None else " if optional else ""
            return self.emitter.let(f"{maybe}D({name})", source=origin)
        wanted = CHECKS.get(kind)
        if wanted is None:
            test = "" if optional else f"{name} is None"
        else:
            test = f"{name}.__class__ is not {wanted}"
            test = f"{name} is not None and {test}" if optional else test
        if test:
            self.emitter.put(f"if {test}: raise Bad", source=origin)
        return name

    def item(self, variable: str, shape: Shape, origin: Origin | None) -> Binding:
        """Make the current item of a loop ready for use and return its binding."""
        code = variable
        if shape.kind is not Kind.OBJECT:
            if origin is not None:
                self.scope.reads.add(origin)
            code = self._check(variable, shape.kind, origin, optional=False)
        type_ = _shape_type(shape, optional=False, origin=origin)
        return Binding(code=code, type=type_, origin=origin)
