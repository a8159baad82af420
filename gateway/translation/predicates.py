"""Single expressions outside mappings: routing conditions, rules, ordering and correlation keys."""

from collections.abc import Mapping as Context
from typing import Any

import msgspec

from gateway.translation.emitter import Emitter
from gateway.translation.errors import MappingError, Rule, Untranslatable
from gateway.translation.forms import expression_compiler
from gateway.translation.kinds import Kind, Type
from gateway.translation.limits import DEFAULT_LIMITS, Limits
from gateway.translation.parser import parse_expression
from gateway.translation.program import Failure, Program, pointer_of
from gateway.translation.rendering import render_expression
from gateway.translation.scope import Scope
from gateway.translation.shapes import Shape
from gateway.translation.syntax import Binary, Node, Unary

__all__ = ["Expression", "Outcome", "Predicate", "compile_expression", "compile_predicate"]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """One condition and how it turned out; `parts` of `and`, `or`, `not`. No values."""

    expression: str
    holds: bool | None
    """None where it could not be evaluated."""
    code: str = ""
    """Why not."""
    parts: tuple["Outcome", ...] = ()


class Expression:
    """A compiled expression. Immutable, safe to share between threads."""

    def __init__(
        self, node: Node, schema: dict[str, Any] | None, limits: Limits, kind: Kind | None = None
    ) -> None:
        self._node = node
        self._schema = schema
        self._limits = limits
        emitter = Emitter()
        source = Shape.of(schema) if schema is not None else None
        scope = Scope(source=source)
        compiler = expression_compiler(emitter, scope)
        value = compiler.compile(node)
        if kind is not None and value.type.optional:
            raise MappingError(Rule.MAY_BE_ABSENT, "a condition must not be absent: use '??'")
        if kind is not None:
            value = compiler.as_kind(value, kind)
        emitter.put(f"return {value.code}", source=value.origin)
        self.type: Type = value.type
        self.reads: frozenset[str] = frozenset(pointer_of(place, {}) for place in scope.reads)
        self._program = Program(emitter, limits)

    @property
    def text(self) -> str:
        """The expression, written out evenly."""
        return render_expression(self._node)

    def evaluate(self, document: dict[str, Any], context: Context[str, Any]) -> Any:
        """Return str, int, bool, Decimal, list, dict, or None where absent.

        Raises Untranslatable.
        """
        try:
            return self._program.run(document, context)
        except Failure as failure:
            error = Untranslatable(
                failure.code,
                mapping="expression",
                version="",
                yaml_line=failure.line,
                source_pointer=failure.source,
            )
        raise error


class Predicate(Expression):
    """A condition."""

    def test(self, document: dict[str, Any], context: Context[str, Any]) -> bool:
        """Return whether it holds. Raises Untranslatable."""
        return bool(self.evaluate(document, context))

    def explain(
        self, document: dict[str, Any], context: Context[str, Any] | None = None
    ) -> Outcome:
        """Return how each part of the condition turned out, without values."""
        parts = tuple(
            Predicate(part, self._schema, self._limits, Kind.BOOLEAN).explain(document, context)
            for part in _parts(self._node)
        )
        try:
            holds, code = self.test(document, context or {}), ""
        except Untranslatable as error:
            return Outcome(expression=self.text, holds=None, code=error.code, parts=parts)
        return Outcome(expression=self.text, holds=holds, code=code, parts=parts)


def _parts(node: Node) -> tuple[Node, ...]:
    match node:
        case Binary(operator="and" | "or"):
            return node.left, node.right
        case Unary(operator="not"):
            return (node.operand,)
        case _:
            return ()


def compile_expression(
    text: str, schema: dict[str, Any] | None, *, limits: Limits = DEFAULT_LIMITS
) -> Expression:
    """Compile an expression over documents of a schema (None: unchecked).

    Raises MappingError without file and line; the caller knows where the text stands.
    """
    return Expression(parse_expression(text), schema, limits)


def compile_predicate(
    text: str, schema: dict[str, Any] | None, *, limits: Limits = DEFAULT_LIMITS
) -> Predicate:
    """Compile a condition; it must be a yes-or-no. Raises MappingError like the above."""
    return Predicate(parse_expression(text), schema, limits, Kind.BOOLEAN)
