"""The functions that need the compiler: lookups, aggregates, rounding, defaults, numbering."""

from collections.abc import Callable
from typing import Final

import msgspec

from gateway.translation.aggregates import AGGREGATES, compile_aggregate
from gateway.translation.emitter import Emitter
from gateway.translation.errors import MappingError, Rule, RunCode
from gateway.translation.expressions import ExpressionCompiler, merged, widest
from gateway.translation.functions import FUNCTIONS, Function
from gateway.translation.kinds import Kind, Type, Value
from gateway.translation.lookups import Lookup
from gateway.translation.nearness import did_you_mean
from gateway.translation.numbers import HALF_EVEN, HALF_UP
from gateway.translation.scope import Scope
from gateway.translation.shapes import open_shape
from gateway.translation.syntax import Binary, Call, Comprehension, Literal, Node, Path

__all__ = ["FORMS", "Form", "compile_call", "expression_compiler"]

_MAX_PLACES: Final = 8
_MAX_ALTERNATIVES: Final = 12

Handler = Callable[[ExpressionCompiler, Call], Value]


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """One special function, as it shows in the table."""

    name: str
    signature: str
    text: str
    compile: Handler


FORMS: dict[str, Form] = {}


def _form(signature: str) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        name = signature.partition("(")[0]
        text = " ".join((handler.__doc__ or "").split())
        FORMS[name] = Form(name=name, signature=signature, text=text, compile=handler)
        return handler

    return register


def compile_call(compiler: ExpressionCompiler, node: Call | Comprehension) -> Value:
    """Compile `name(...)`. Raises MappingError (FUNCTION_UNKNOWN, ARGUMENTS)."""
    if isinstance(node, Comprehension):
        return compile_aggregate(compiler, node)
    form = FORMS.get(node.name)
    if form is not None:
        return form.compile(compiler, node)
    function = FUNCTIONS.get(node.name)
    if function is None and node.name in AGGREGATES:
        raise MappingError(
            Rule.ARGUMENTS, f"{node.name}() goes over a list: {node.name}(x.a for x in list)"
        )
    if function is None:
        near = did_you_mean(node.name, [*FORMS, *FUNCTIONS, *AGGREGATES])
        raise MappingError(Rule.FUNCTION_UNKNOWN, f"there is no function '{node.name}'{near}")
    return _plain(compiler, node, function)


def expression_compiler(
    emitter: Emitter, scope: Scope, lookups: dict[str, Lookup] | None = None
) -> ExpressionCompiler:
    """Return a compiler of expressions that knows every function."""
    return ExpressionCompiler(emitter, scope, lookups=lookups or {}, call=compile_call)


def _arity(node: Call, fewest: int, most: int | None = None) -> None:
    count = len(node.arguments)
    if count < fewest or (most is not None and count > most):
        raise MappingError(Rule.ARGUMENTS, f"{node.name}() was given {count} arguments")


def _plain(compiler: ExpressionCompiler, node: Call, function: Function) -> Value:
    _arity(node, len(function.takes), len(function.takes))
    first = compiler.as_kind(compiler.compile(node.arguments[0]), function.takes[0])
    others = [
        compiler.of_kind(argument, kind)
        for argument, kind in zip(node.arguments[1:], function.takes[1:], strict=True)
    ]
    run = compiler.emitter.constant(function.run)
    code = first.code
    if first.type.optional:
        code = compiler.emitter.let(code)
    call = f"{run}({', '.join([code, *(o.code for o in others)])})"
    if first.type.optional:
        call = f"None if {code} is None else {call}"
    type_ = merged(
        function.gives, first, *others, optional=first.type.optional, scale=function.scale
    )
    if function.gives is Kind.BOOLEAN:
        type_ = msgspec.structs.replace(type_, phi=frozenset())
    result = compiler.emitter.let(call, source=first.origin)
    if function.gives is Kind.TEXT and not first.type.optional:
        compiler.bound_text(result)
    return Value(code=result, type=type_)


@_form("lookup(table, key, ...)")
def _lookup(compiler: ExpressionCompiler, node: Call) -> Value:
    """The value of a lookup table for the key (one argument per key column; the last argument
    is the date where the table has effective dates). Without a row and without a `*` row the
    document is refused: LOOKUP_MISS."""
    _arity(node, 2)
    path = node.arguments[0]
    name = path.parts[0] if isinstance(path, Path) and len(path.parts) == 1 else ""
    table = compiler.lookups.get(name)
    if table is None:
        raise MappingError(Rule.NAME_UNKNOWN, "the first argument must name one of 'lookups'")
    compiler.used_lookups.add(name)
    _arity(node, 1 + table.keys + table.dated, 1 + table.keys + table.dated)
    keys = [compiler.of_kind(argument, Kind.TEXT) for argument in node.arguments[1:]]
    columns = [key.code for key in keys[: table.keys]]
    key = columns[0] if table.keys == 1 else f"({', '.join(columns)})"
    if table.dated:
        code = f"{compiler.emitter.constant(table.on)}({key}, {keys[-1].code})"
    else:
        rows = compiler.emitter.constant(table.rows)
        default = table.default
        code = f"{rows}[{key}]" if default is None else f"{rows}.get({key}, {default!r})"
    memo = f"lookup:{code}"
    known = compiler.emitter.known.get(memo)
    if known is None:
        known = compiler.emitter.let(code, source=keys[0].origin, error=RunCode.LOOKUP_MISS)
        compiler.emitter.known[memo] = known
    return Value(code=known, type=merged(Kind.TEXT, *keys))


@_form("concat(part, ...)")
def _concat(compiler: ExpressionCompiler, node: Call) -> Value:
    """The texts one after the other; integers are written out; money needs `text()`."""
    _arity(node, 1)
    parts = [compiler.present(argument) for argument in node.arguments]
    texts: list[Value] = []
    for part in parts:
        if part.type.kind is Kind.INTEGER:
            texts.append(msgspec.structs.replace(part, code=f"str({part.code})"))
        elif part.type.kind in {Kind.TEXT, Kind.ANY}:
            texts.append(compiler.as_kind(part, Kind.TEXT))
        else:
            raise MappingError(
                Rule.TYPE_MISMATCH, f"concat() joins texts, found {part.type.kind}: use text()"
            )
    return compiler.joined(*texts)


@_form("text(number)")
def _text(compiler: ExpressionCompiler, node: Call) -> Value:
    """A number as text: a decimal with at least two places, an integer with none."""
    _arity(node, 1, 1)
    value = compiler.number(node.arguments[0])
    decimal = value.type.kind is Kind.DECIMAL
    code = f"decimal_text({value.code}, 2, None)" if decimal else f"str({value.code})"
    return Value(code=compiler.emitter.let(code), type=merged(Kind.TEXT, value))


def _rounded(compiler: ExpressionCompiler, node: Call, mode: str) -> Value:
    _arity(node, 2, 2)
    places = node.arguments[1]
    if not (isinstance(places, Literal) and type(places.value) is int):
        raise MappingError(Rule.ARGUMENTS, "the number of places must be written out")
    if not 0 <= places.value <= _MAX_PLACES:
        raise MappingError(Rule.ARGUMENTS, f"places go from 0 to {_MAX_PLACES}")
    inner = node.arguments[0]
    if isinstance(inner, Binary) and inner.operator == "/":
        left, right = compiler.number(inner.left), compiler.number(inner.right)
        code = f"round_quotient({left.code}, {right.code}, {places.value}, {mode!r})"
        type_ = merged(Kind.DECIMAL, left, right, scale=places.value)
        return Value(code=compiler.emitter.let(code, source=right.origin), type=type_)
    value = compiler.number(inner)
    code = f"round_places({value.code}, {places.value}, {mode!r})"
    type_ = merged(Kind.DECIMAL, value, scale=places.value)
    result = compiler.emitter.let(code, source=value.origin, error=RunCode.DECIMAL_SIZE)
    return Value(code=result, type=type_)


@_form("round_half_up(number, places)")
def _round_half_up(compiler: ExpressionCompiler, node: Call) -> Value:
    """Rounded to so many places (0 to 8), halves away from zero. The only places where `/` is
    allowed are directly inside the two rounding functions: `round_half_up(a / b, 2)`."""
    return _rounded(compiler, node, HALF_UP)


@_form("round_half_even(number, places)")
def _round_half_even(compiler: ExpressionCompiler, node: Call) -> Value:
    """Rounded to so many places, halves to the even neighbour."""
    return _rounded(compiler, node, HALF_EVEN)


@_form("abs(number)")
def _abs(compiler: ExpressionCompiler, node: Call) -> Value:
    """The number without its sign."""
    _arity(node, 1, 1)
    value = compiler.number(node.arguments[0])
    type_ = merged(value.type.kind, value, scale=value.type.scale)
    return Value(code=f"abs({value.code})", type=type_)


@_form("negate(number)")
def _negate(compiler: ExpressionCompiler, node: Call) -> Value:
    """The number with the other sign; never negative zero."""
    _arity(node, 1, 1)
    value = compiler.number(node.arguments[0])
    type_ = merged(value.type.kind, value, scale=value.type.scale)
    return Value(code=f"(-{value.code})", type=type_)


def _extreme(compiler: ExpressionCompiler, node: Call) -> Value:
    _arity(node, 2)
    values = [compiler.number(argument) for argument in node.arguments]
    kinds = {value.type.kind for value in values}
    kind = Kind.DECIMAL if Kind.DECIMAL in kinds else Kind.INTEGER
    code = f"{node.name}({', '.join(value.code for value in values)})"
    return Value(code=code, type=merged(kind, *values, scale=widest(*values)))


@_form("min(number, ...)")
def _min(compiler: ExpressionCompiler, node: Call) -> Value:
    """The smallest; also `min(x.a for x in list)`, absent for an empty list."""
    return _extreme(compiler, node)


@_form("max(number, ...)")
def _max(compiler: ExpressionCompiler, node: Call) -> Value:
    """The largest; also `max(x.a for x in list)`, absent for an empty list."""
    return _extreme(compiler, node)


def _list_argument(compiler: ExpressionCompiler, node: Call) -> Value:
    _arity(node, 1, 1)
    return compiler.of_kind(node.arguments[0], Kind.LIST)


@_form("count(list)")
def _count(compiler: ExpressionCompiler, node: Call) -> Value:
    """How many items; also `count(x for x in list if ...)`."""
    value = _list_argument(compiler, node)
    type_ = Type(kind=Kind.INTEGER, scale=0, reads=value.type.reads)
    return Value(code=f"len({value.code})", type=type_)


def _edge(compiler: ExpressionCompiler, node: Call, index: int) -> Value:
    value = _list_argument(compiler, node)
    shape = value.type.shape.items if value.type.shape else open_shape()
    if shape.kind not in {Kind.TEXT, Kind.ANY}:
        raise MappingError(
            Rule.TYPE_MISMATCH, f"{node.name}(list) reads lists of texts; use 'for' otherwise"
        )
    code = compiler.emitter.let(f"{value.code}[{index}] if {value.code} else None")
    type_ = merged(Kind.ANY, value, optional=True)
    return compiler.as_kind(Value(code=code, type=type_, origin=value.origin), Kind.TEXT)


@_form("first(list)")
def _first(compiler: ExpressionCompiler, node: Call) -> Value:
    """The first item, absent for an empty list; also `first(x.a for x in list if ...)`."""
    return _edge(compiler, node, 0)


@_form("last(list)")
def _last(compiler: ExpressionCompiler, node: Call) -> Value:
    """The last item, absent for an empty list; also `last(x.a for x in list if ...)`."""
    return _edge(compiler, node, -1)


@_form("exists(path?)")
def _exists(compiler: ExpressionCompiler, node: Call) -> Value:
    """Whether the path is there and not null. The `?` may be left out."""
    _arity(node, 1, 1)
    path = node.arguments[0]
    if not isinstance(path, Path):
        raise MappingError(Rule.ARGUMENTS, "exists() takes a path")
    value = compiler.compile(Path(path.parts, optional=True))
    type_ = Type(kind=Kind.BOOLEAN, reads=value.type.reads)
    return Value(code=f"({value.code} is not None)", type=type_)


def _coalesce(compiler: ExpressionCompiler, node: Call) -> Value:
    _arity(node, 2, _MAX_ALTERNATIVES)
    folded: Node = node.arguments[-1]
    for argument in reversed(node.arguments[:-1]):
        folded = Binary(operator="??", left=argument, right=folded)
    return compiler.compile(folded)


@_form("coalesce(path?, ..., default)")
def _coalesce_form(compiler: ExpressionCompiler, node: Call) -> Value:
    """The first that is there: the same as `a? ?? b? ?? default`."""
    return _coalesce(compiler, node)


@_form("default(path?, default)")
def _default_form(compiler: ExpressionCompiler, node: Call) -> Value:
    """The path, or the default where it is absent: the same as `path? ?? default`."""
    _arity(node, 2, 2)
    return _coalesce(compiler, node)


@_form("hash_id(prefix, part, ...)")
def _hash_id(compiler: ExpressionCompiler, node: Call) -> Value:
    """A stable id: the prefix, `_` and 32 hexadecimal digits of SHA-256 over the parts; the
    same parts always give the same id. Counts as PHI class none."""
    _arity(node, 2)
    prefix = node.arguments[0]
    if not (isinstance(prefix, Literal) and isinstance(prefix.value, str)):
        raise MappingError(Rule.ARGUMENTS, "the prefix of hash_id() must be written out")
    parts = [compiler.compile(argument) for argument in node.arguments[1:]]
    for part in parts:
        if part.type.kind in {Kind.LIST, Kind.OBJECT, Kind.BOOLEAN}:
            raise MappingError(Rule.TYPE_MISMATCH, "hash_id() takes texts and numbers")
    code = f"hash_id({prefix.value!r}, {', '.join(part.code for part in parts)})"
    reads = frozenset().union(*(part.type.reads for part in parts))
    return Value(code=compiler.emitter.let(code), type=Type(kind=Kind.TEXT, reads=reads))


@_form("seq()")
def _seq(compiler: ExpressionCompiler, node: Call) -> Value:
    """The number of this row in its array, from 1."""
    _arity(node, 0, 0)
    if not compiler.rows:
        raise MappingError(Rule.ARGUMENTS, "seq() numbers rows: it is only known in a row")
    type_ = Type(kind=Kind.INTEGER, scale=0)
    return Value(code=f"(len({compiler.rows}) + 1)", type=type_)


@_form("index()")
def _index(compiler: ExpressionCompiler, node: Call) -> Value:
    """The position of the current item of the innermost `each`, from 1."""
    _arity(node, 0, 0)
    if not compiler.indexes:
        raise MappingError(Rule.ARGUMENTS, "index() is only known inside 'each'")
    return Value(code=compiler.indexes[-1], type=Type(kind=Kind.INTEGER, scale=0))
