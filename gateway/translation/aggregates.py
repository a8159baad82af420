"""Functions over `for`: sum, any, all, count, list, first, last, min, max; written as loops."""

from collections.abc import Callable
from typing import Any, Final

from gateway.translation.errors import MappingError, Rule
from gateway.translation.expressions import ExpressionCompiler, merged
from gateway.translation.kinds import Kind, Type, Value
from gateway.translation.shapes import Shape
from gateway.translation.syntax import Comprehension, Path, size

__all__ = ["AGGREGATES", "compile_aggregate"]

_NODES_A_STEP: Final = 4
"""Of an expression that is worked out for each item, so many parts count as one more item."""

Step = Callable[[ExpressionCompiler, Comprehension, str], Value]


class _Aggregate:
    """How one function starts, what it does per item, what it gives."""

    def __init__(self, start: str, step: Step, signature: str, text: str) -> None:
        self.start = start
        self.step = step
        self.signature = signature
        self.text = text


def compile_aggregate(compiler: ExpressionCompiler, node: Comprehension) -> Value:
    """Compile `name(body for variable in path if condition)`."""
    aggregate = AGGREGATES.get(node.name)
    if aggregate is None:
        raise MappingError(Rule.FUNCTION_UNKNOWN, f"'{node.name}' cannot be used with 'for'")
    total = _kept_total(compiler, node)
    if total is not None:
        return total
    emitter = compiler.emitter
    result = emitter.let(aggregate.start, stem="a")
    with compiler.loop(node.source, node.variable, times=1 + size(node) // _NODES_A_STEP):
        if node.condition is None:
            found = aggregate.step(compiler, node, result)
        else:
            emitter.put(f"if {compiler.condition(node.condition).code}:")
            with emitter.inner():
                found = aggregate.step(compiler, node, result)
    return found


def _kept_total(compiler: ExpressionCompiler, node: Comprehension) -> Value | None:
    """Return the running total of `sum(row.field for row in out.rows)`, where one was kept."""
    scope, parts = compiler.scope, node.source.parts
    plain = node.name == "sum" and node.condition is None and isinstance(node.body, Path)
    if not plain or not isinstance(node.body, Path) or parts[0] in scope.names:
        return None
    if node.body.optional or len(node.body.parts) != 2 or node.body.parts[0] != node.variable:
        return None
    if parts[0] == "out":
        parts = parts[1:]
    elif not scope.bare_output:
        return None
    return scope.produced.totals.get((*parts, node.body.parts[1]))


def _sum(compiler: ExpressionCompiler, node: Comprehension, result: str) -> Value:
    value = compiler.number(node.body)
    compiler.emitter.put(f"{result} += {value.code}", source=value.origin)
    if value.type.kind is Kind.INTEGER:
        return Value(code=result, type=merged(Kind.INTEGER, value, scale=0))
    code = f"({result} or ZERO)"
    return Value(code=code, type=merged(Kind.DECIMAL, value, scale=value.type.scale))


def _any(compiler: ExpressionCompiler, node: Comprehension, result: str) -> Value:
    return _search(compiler, node, result, stop_at="True")


def _all(compiler: ExpressionCompiler, node: Comprehension, result: str) -> Value:
    return _search(compiler, node, result, stop_at="False")


def _search(
    compiler: ExpressionCompiler, node: Comprehension, result: str, *, stop_at: str
) -> Value:
    value = compiler.condition(node.body)
    test = value.code if stop_at == "True" else f"not {value.code}"
    compiler.emitter.put(f"if {test}:")
    with compiler.emitter.inner():
        compiler.emitter.put(f"{result} = {stop_at}")
        compiler.emitter.put("break")
    return Value(code=result, type=merged(Kind.BOOLEAN, value))


def _count(compiler: ExpressionCompiler, _node: Comprehension, result: str) -> Value:
    compiler.emitter.put(f"{result} += 1")
    return Value(code=result, type=Type(kind=Kind.INTEGER, scale=0))


def _list(compiler: ExpressionCompiler, node: Comprehension, result: str) -> Value:
    value = compiler.present(node.body)
    code = value.code
    if value.type.kind is Kind.DECIMAL:
        code = f"decimal_text({code}, 2, None)"
    compiler.emitter.put(f"{result}.append({code})", source=value.origin)
    type_ = merged(Kind.LIST, value)
    return Value(code=result, type=_with_items(type_, value.type))


def _with_items(type_: Type, item: Type) -> Type:
    names: dict[Kind, dict[str, Any]] = {
        Kind.TEXT: {"type": "string"},
        Kind.DECIMAL: {"type": "string", "x-money": {}},
        Kind.INTEGER: {"type": "integer"},
        Kind.BOOLEAN: {"type": "boolean"},
    }
    shape = Shape.of({"type": "array", "items": names.get(item.kind, {})})
    return Type(kind=Kind.LIST, phi=type_.phi, reads=type_.reads, shape=shape)


def _optional(compiler: ExpressionCompiler, node: Comprehension, result: str) -> Value:
    value = compiler.present(node.body)
    compiler.emitter.put(f"{result} = {value.code}")
    type_ = merged(value.type.kind, value, optional=True, scale=value.type.scale)
    return Value(code=result, type=type_)


def _first(compiler: ExpressionCompiler, node: Comprehension, result: str) -> Value:
    value = _optional(compiler, node, result)
    compiler.emitter.put("break")
    return value


def _extreme(compiler: ExpressionCompiler, node: Comprehension, result: str) -> Value:
    value = compiler.number(node.body)
    item = compiler.emitter.let(value.code)
    sign = "<" if node.name == "min" else ">"
    compiler.emitter.put(f"if {result} is None or {item} {sign} {result}: {result} = {item}")
    type_ = merged(value.type.kind, value, optional=True, scale=value.type.scale)
    return Value(code=result, type=type_)


AGGREGATES: Final[dict[str, _Aggregate]] = {
    "all": _Aggregate("True", _all, "all(condition for x in list)", "Whether all items fit."),
    "any": _Aggregate("False", _any, "any(condition for x in list)", "Whether one item fits."),
    "count": _Aggregate("0", _count, "", ""),
    "first": _Aggregate("None", _first, "", ""),
    "last": _Aggregate("None", _optional, "", ""),
    "list": _Aggregate(
        "[]", _list, "list(value for x in list)", "The values as an array, in order."
    ),
    "max": _Aggregate("None", _extreme, "", ""),
    "min": _Aggregate("None", _extreme, "", ""),
    "sum": _Aggregate(
        "0", _sum, "sum(number for x in list)", "The exact sum; zero for an empty list."
    ),
}
