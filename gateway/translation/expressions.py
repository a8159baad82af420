"""Compiles an expression to Python: checks kinds, keeps evaluation lazy, writes no surprises."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Final

import msgspec

from gateway.translation.emitter import Emitter
from gateway.translation.errors import MappingError, Rule, RunCode
from gateway.translation.kinds import Kind, Origin, Repeat, Type, Value
from gateway.translation.limits import MAX_LOOP_DEPTH, MAX_TEXT_CHARACTERS
from gateway.translation.lookups import Lookup
from gateway.translation.paths import PathCompiler, dotted
from gateway.translation.scope import Scope
from gateway.translation.shapes import Shape, open_shape
from gateway.translation.syntax import (
    Binary,
    Call,
    Comprehension,
    Conditional,
    Constant,
    ListLiteral,
    Literal,
    Node,
    Path,
    Unary,
)

__all__ = ["CallCompiler", "ExpressionCompiler", "literal_kind", "merged", "widest"]

CallCompiler = Callable[["ExpressionCompiler", Call | Comprehension], Value]
"""Compiles a function call; handed in, because functions compile their arguments here."""

_EQUALITY: Final = frozenset({"==", "!="})
_ORDER: Final = frozenset({"<", "<=", ">", ">="})


def literal_kind(value: Constant) -> Kind:
    """Return the kind of a literal."""
    if isinstance(value, bool):
        return Kind.BOOLEAN
    if isinstance(value, int):
        return Kind.INTEGER
    return Kind.DECIMAL if isinstance(value, Decimal) else Kind.TEXT


def _literal(emitter: Emitter, value: Constant) -> Value:
    kind = literal_kind(value)
    scale = -int(value.as_tuple().exponent) if isinstance(value, Decimal) else None
    type_ = Type(kind=kind, scale=0 if kind is Kind.INTEGER else scale)
    return Value(code=emitter.constant(value), type=type_, constant=value)


def merged(kind: Kind, *values: Value, optional: bool = False, scale: int | None = None) -> Type:
    """Return a type whose PHI classes and reads are those of all `values` together."""
    return Type(
        kind=kind,
        optional=optional,
        scale=scale,
        phi=frozenset().union(*(value.type.phi for value in values)),
        reads=frozenset().union(*(value.type.reads for value in values)),
    )


def widest(*values: Value) -> int | None:
    """Return the most decimal places of several numbers, None where one is unknown."""
    scales = [0 if v.type.kind is Kind.INTEGER else v.type.scale for v in values]
    known = [scale for scale in scales if scale is not None]
    return max(known) if len(known) == len(scales) and known else None


class ExpressionCompiler:
    """Compiles expressions of one mapping (or predicate) into one emitter."""

    def __init__(
        self, emitter: Emitter, scope: Scope, *, lookups: dict[str, Lookup], call: CallCompiler
    ) -> None:
        self.emitter = emitter
        self.scope = scope
        self.lookups = lookups
        self._call = call
        self.used_lookups: set[str] = set()
        self.paths = PathCompiler(emitter, scope)
        self.rows: str = ""
        """Variable holding the rows of the array being filled, for `seq()`."""
        self.indexes: list[str] = []
        """Loop counters of the surrounding `each`, for `index()`."""

    def compile(self, node: Node) -> Value:
        """Return the value of a node; statements it needs are written first."""
        match node:
            case Literal():
                return _literal(self.emitter, node.value)
            case Path():
                return self.paths.compile(node)
            case Unary():
                return self._unary(node)
            case Binary():
                return self._binary(node)
            case Conditional():
                return self._conditional(node)
            case Call() | Comprehension():
                return self._call(self, node)
            case ListLiteral():
                raise MappingError(Rule.TYPE_MISMATCH, "a list is only allowed after 'in'")

    # What an expression needs its operands to be

    def present(self, node: Node) -> Value:
        """Compile an operand that must be there."""
        value = self.compile(node)
        if value.type.optional:
            name = f"'{dotted(node)}'" if isinstance(node, Path) else "a value used here"
            raise MappingError(
                Rule.MAY_BE_ABSENT, f"{name} may be absent: give a default with '??'"
            )
        return value

    def of_kind(self, node: Node, kind: Kind) -> Value:
        """Compile an operand of one kind that must be there."""
        return self.as_kind(self.present(node), kind)

    def as_kind(self, value: Value, kind: Kind) -> Value:
        """Return the value as that kind; ANY is checked at run time, other kinds must fit."""
        if value.type.kind is kind:
            return value
        if value.type.kind is not Kind.ANY:
            raise MappingError(Rule.TYPE_MISMATCH, f"expected {kind}, found {value.type.kind}")
        typed = msgspec.structs.replace(value.type, kind=kind)
        code = self.emitter.let(value.code)
        maybe = value.type.optional
        if kind is Kind.DECIMAL:
            guard = f"None if {code} is None else " if maybe else ""
            code = self.emitter.let(f"{guard}to_decimal({code})", source=value.origin)
        else:
            names = {Kind.TEXT: "str", Kind.INTEGER: "int", Kind.BOOLEAN: "bool"}
            wanted = names.get(kind, "list" if kind is Kind.LIST else "dict")
            guard = f"{code} is not None and " if maybe else ""
            self.emitter.put(
                f"if {guard}{code}.__class__ is not {wanted}: raise Bad", source=value.origin
            )
        return Value(code=code, type=typed, origin=value.origin)

    def number(self, node: Node) -> Value:
        """Compile a number that must be there."""
        value = self.present(node)
        if value.type.kind is Kind.ANY:
            return self.as_kind(value, Kind.DECIMAL)
        if not value.type.numeric:
            raise MappingError(Rule.TYPE_MISMATCH, f"expected a number, found {value.type.kind}")
        return value

    def condition(self, node: Node) -> Value:
        """Compile a yes-or-no."""
        return self.of_kind(node, Kind.BOOLEAN)

    # Operators

    def _unary(self, node: Unary) -> Value:
        if node.operator == "not":
            value = self.condition(node.operand)
            return Value(code=f"(not {value.code})", type=merged(Kind.BOOLEAN, value))
        if isinstance(node.operand, Literal) and not isinstance(node.operand.value, str | bool):
            return _literal(self.emitter, -node.operand.value)
        value = self.number(node.operand)
        type_ = merged(value.type.kind, value, scale=value.type.scale)
        return Value(code=f"(-{value.code})", type=type_)

    def _binary(self, node: Binary) -> Value:
        match node.operator:
            case "and" | "or":
                return self._logic(node)
            case "??":
                return self._default(node)
            case "in" | "not in":
                return self._membership(node)
            case "/":
                raise MappingError(
                    Rule.DIVISION_UNROUNDED,
                    "a division must be rounded: round_half_up(a / b, places)",
                )
            case "+" | "-" | "*":
                return self._arithmetic(node)
            case _:
                return self._comparison(node)

    def _arithmetic(self, node: Binary) -> Value:
        left, right = self._pair(node)
        if node.operator == "+" and left.type.kind is right.type.kind is Kind.TEXT:
            return self.joined(left, right)
        if not (left.type.numeric and right.type.numeric):
            hint = "; text() makes a text of a number" if node.operator == "+" else ""
            raise MappingError(
                Rule.TYPE_MISMATCH,
                f"'{node.operator}' needs two numbers, found {left.type.kind} and "
                f"{right.type.kind}{hint}",
            )
        kinds = {left.type.kind, right.type.kind}
        kind = Kind.DECIMAL if Kind.DECIMAL in kinds else Kind.INTEGER
        scale = widest(left, right)
        if node.operator == "*" and scale is not None:
            scale = (left.type.scale or 0) + (right.type.scale or 0)
        type_ = merged(kind, left, right, scale=scale)
        code = f"({left.code} {node.operator} {right.code})"
        if kind is Kind.INTEGER and node.operator == "*":
            code = self.emitter.let(code)
            self.emitter.put(
                f"if not -INTEGERS < {code} < INTEGERS: raise Bad", code=RunCode.VALUE_REFUSED
            )
        return Value(code=code, type=type_)

    def joined(self, *texts: Value) -> Value:
        """Put texts one after the other."""
        code = self.emitter.let(" + ".join(text.code for text in texts))
        self.bound_text(code)
        return Value(code=code, type=merged(Kind.TEXT, *texts))

    def bound_text(self, code: str) -> None:
        """Refuse a text that was made here and is too long (copies of the input are not made)."""
        self.emitter.put(
            f"if len({code}) > {MAX_TEXT_CHARACTERS}: raise Bad", code=RunCode.TEXT_TOO_LONG
        )

    def _pair(self, node: Binary) -> tuple[Value, Value]:
        """Compile both operands; one of kind ANY becomes what the other is."""
        left, right = self.present(node.left), self.present(node.right)
        return self._alike(left, right, node.operator)

    def _alike(self, left: Value, right: Value, operator: str) -> tuple[Value, Value]:
        if left.type.kind is Kind.ANY and right.type.kind is Kind.ANY:
            raise MappingError(
                Rule.TYPE_MISMATCH,
                f"no schema says what '{operator}' compares: use text, money(), decimal()",
            )
        if left.type.kind is Kind.ANY:
            left = self.as_kind(left, right.type.kind)
        if right.type.kind is Kind.ANY:
            right = self.as_kind(right, left.type.kind)
        return left, right

    def _comparison(self, node: Binary) -> Value:
        if node.operator in _ORDER:
            left, right = self._pair(node)
        else:
            left, right = self.compile(node.left), self.compile(node.right)
            left, right = self._alike(left, right, node.operator)
        same = left.type.kind is right.type.kind
        if not (same or (left.type.numeric and right.type.numeric)):
            raise MappingError(
                Rule.TYPE_MISMATCH,
                f"'{node.operator}' cannot compare {left.type.kind} with {right.type.kind}",
            )
        comparable = {Kind.DECIMAL, Kind.INTEGER, Kind.TEXT}
        if node.operator in _EQUALITY:
            comparable.add(Kind.BOOLEAN)
        if left.type.kind not in comparable:
            raise MappingError(
                Rule.TYPE_MISMATCH, f"'{node.operator}' cannot compare {left.type.kind}"
            )
        type_ = Type(kind=Kind.BOOLEAN, reads=left.type.reads | right.type.reads)
        return Value(code=f"({left.code} {node.operator} {right.code})", type=type_)

    def _membership(self, node: Binary) -> Value:
        left = self.compile(node.left)
        if isinstance(node.right, ListLiteral):
            kinds = {literal_kind(item.value) for item in node.right.items}
            if len(kinds) != 1:
                raise MappingError(Rule.TYPE_MISMATCH, "a list holds values of one kind")
            left = self.as_kind(left, kinds.pop())
            options = ", ".join(self.emitter.constant(i.value) for i in node.right.items)
            code, reads = f"({left.code} {node.operator} ({options},))", left.type.reads
        else:
            right = self.of_kind(node.right, Kind.LIST)
            items = right.type.shape.items if right.type.shape else open_shape()
            if items.kind is not Kind.TEXT and items.kind is not Kind.ANY:
                raise MappingError(Rule.TYPE_MISMATCH, "'in' reads lists of texts")
            left = self.as_kind(left, Kind.TEXT)
            self.spend(right.code)
            code = f"({left.code} {node.operator} {right.code})"
            reads = left.type.reads | right.type.reads
        return Value(code=code, type=Type(kind=Kind.BOOLEAN, reads=reads))

    # What is evaluated only sometimes

    def _logic(self, node: Binary) -> Value:
        left = self.condition(node.left)
        with self.emitter.captured() as lines:
            right = self.condition(node.right)
            result = ""
            if lines:
                result = self.emitter.fresh()
                self.emitter.put(f"{result} = {right.code}")
        type_ = merged(Kind.BOOLEAN, left, right)
        if not lines:
            return Value(code=f"({left.code} {node.operator} {right.code})", type=type_)
        self.emitter.put(f"{result} = {left.code}")
        self.emitter.put(f"if {'' if node.operator == 'and' else 'not '}{result}:")
        self.emitter.replay(lines)
        return Value(code=result, type=type_)

    def _default(self, node: Binary) -> Value:
        wanted = node.left
        if isinstance(wanted, Path):
            wanted = Path(wanted.parts, optional=True)
        left = self.compile(wanted)
        if not left.type.optional:
            raise MappingError(Rule.TYPE_MISMATCH, "the left of '??' is never absent")
        result = self.emitter.let(left.code)
        self.emitter.put(f"if {result} is None:")
        with self.emitter.inner():
            right = self.compile(node.right)
            self._joined(left, right)
            self.emitter.put(f"{result} = {right.code}")
        return Value(code=result, type=self._either(left, right, optional=right.type.optional))

    def _conditional(self, node: Conditional) -> Value:
        test = self.condition(node.test)
        result = self.emitter.fresh()
        self.emitter.put(f"if {test.code}:")
        with self.emitter.inner():
            yes = self.compile(node.yes)
            self.emitter.put(f"{result} = {yes.code}")
        self.emitter.put("else:")
        with self.emitter.inner():
            no = self.compile(node.no)
            self._joined(yes, no)
            self.emitter.put(f"{result} = {no.code}")
        optional = yes.type.optional or no.type.optional
        type_ = self._either(yes, no, optional=optional)
        reads = type_.reads | test.type.reads
        return Value(code=result, type=msgspec.structs.replace(type_, reads=reads))

    def _joined(self, left: Value, right: Value) -> None:
        kinds = {left.type.kind, right.type.kind} - {Kind.ANY}
        if len(kinds) > 1:
            raise MappingError(
                Rule.TYPE_MISMATCH,
                f"both ways must give one kind, found {left.type.kind} and {right.type.kind}",
            )

    def _either(self, left: Value, right: Value, *, optional: bool) -> Type:
        kinds = {left.type.kind, right.type.kind}
        kind = Kind.ANY if Kind.ANY in kinds else left.type.kind
        type_ = merged(kind, left, right, optional=optional, scale=widest(left, right))
        same = left.type.shape if left.type.shape is right.type.shape else None
        return msgspec.structs.replace(type_, shape=same)

    # Loops

    def spend(self, items: str, times: int = 1) -> None:
        """Count the items of a list against the budget before they are visited."""
        self.emitter.put(
            f"steps -= len({items}) * {times}" if times > 1 else f"steps -= len({items})"
        )
        self.emitter.put("if steps < mark: mark = tick(steps, used)")

    @contextmanager
    def loop(self, source: Path, variable: str, *, times: int = 1) -> Iterator[Shape]:
        """Write a `for` over an input array; inside, `variable` is its current item, each of which
        counts so many times against the budget."""
        found = self.compile(source)
        items = self.as_kind(found, Kind.LIST)
        code = items.code
        if items.type.optional:
            code = self.emitter.let(f"() if {code} is None else {code}", stem="c")
        self.emitter.loops += 1
        if self.emitter.loops > MAX_LOOP_DEPTH:
            raise MappingError(Rule.TOO_LARGE, "loops nested too deeply")
        self.spend(code, times)
        item = self.emitter.fresh("i")
        self.emitter.put(f"for {item} in {code}:")
        shape = items.type.shape.items if items.type.shape else open_shape()
        origin: Origin | None = None
        if items.origin is not None:
            origin = (*items.origin, Repeat(code, item))
        with self.emitter.inner():
            self.scope.define(variable, self.paths.item(item, shape, origin))
            yield shape
            self.scope.forget(variable)
        # A place inside a loop that has ended has no index any more.
        self.emitter.put(f"{item} = None")
        self.emitter.loops -= 1
