"""The parts of an expression, as the parser hands them to the compiler."""

from decimal import Decimal

import msgspec

__all__ = [
    "Binary",
    "Call",
    "Comprehension",
    "Conditional",
    "Constant",
    "ListLiteral",
    "Literal",
    "Node",
    "Path",
    "Unary",
    "children",
    "size",
]


Constant = str | bool | int | Decimal
"""What can be written out in an expression."""


class Literal(msgspec.Struct, frozen=True):
    """A text, integer, decimal (it had a point) or boolean written in the expression."""

    value: Constant


class ListLiteral(msgspec.Struct, frozen=True):
    """`["1", "2"]`: literals of one kind, only on the right of `in`."""

    items: tuple[Literal, ...]


class Path(msgspec.Struct, frozen=True):
    """`claim.patient.last_name?`: names from a root; `optional` where it ends in `?`."""

    parts: tuple[str, ...]
    optional: bool = False


class Unary(msgspec.Struct, frozen=True):
    """`-x` or `not x`."""

    operator: str
    operand: "Node"


class Binary(msgspec.Struct, frozen=True, kw_only=True):
    """Arithmetic, comparison, `and`, `or`, `in`, `not in`, `??`."""

    operator: str
    left: "Node"
    right: "Node"


class Conditional(msgspec.Struct, frozen=True, kw_only=True):
    """`yes if test else no`."""

    test: "Node"
    yes: "Node"
    no: "Node"


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """`name(argument, ...)`."""

    name: str
    arguments: tuple["Node", ...]


class Comprehension(msgspec.Struct, frozen=True, kw_only=True):
    """`name(body for variable in source if condition)`."""

    name: str
    body: "Node"
    variable: str
    source: Path
    condition: "Node | None" = None


Node = Literal | ListLiteral | Path | Unary | Binary | Conditional | Call | Comprehension


def children(node: Node) -> tuple[Node, ...]:
    """Return the operands of a node."""
    match node:
        case Unary():
            return (node.operand,)
        case Binary():
            return node.left, node.right
        case Conditional():
            return node.test, node.yes, node.no
        case Call():
            return node.arguments
        case Comprehension():
            parts: tuple[Node, ...] = (node.body, node.source)
            return parts if node.condition is None else (*parts, node.condition)
        case Literal() | ListLiteral() | Path():
            return ()


def size(node: Node) -> int:
    """Return of how many parts an expression is made."""
    return 1 + sum(size(child) for child in children(node))
