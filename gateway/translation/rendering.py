"""Writes an expression back as text, evenly spaced, for explanations."""

from decimal import Decimal

from gateway.translation.syntax import (
    Binary,
    Call,
    Comprehension,
    Conditional,
    ListLiteral,
    Literal,
    Node,
    Path,
    Unary,
)

__all__ = ["render_expression"]


def _literal(value: str | bool | int | Decimal) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return '"' + escaped.replace("\n", "\\n").replace("\t", "\\t") + '"'
    return str(value)


def _inner(node: Node) -> str:
    text = render_expression(node)
    return f"({text})" if isinstance(node, Binary | Conditional | Unary) else text


def render_expression(node: Node) -> str:
    """Return text that parses to the same expression."""
    match node:
        case Literal():
            return _literal(node.value)
        case ListLiteral():
            return "[" + ", ".join(_literal(item.value) for item in node.items) + "]"
        case Path():
            return ".".join(_name(part) for part in node.parts) + ("?" if node.optional else "")
        case Unary():
            return f"{node.operator}{' ' if node.operator == 'not' else ''}{_inner(node.operand)}"
        case Binary():
            return f"{_inner(node.left)} {node.operator} {_inner(node.right)}"
        case Conditional():
            return f"{_inner(node.yes)} if {_inner(node.test)} else {_inner(node.no)}"
        case Call():
            return f"{node.name}({', '.join(render_expression(a) for a in node.arguments)})"
        case Comprehension():
            return _comprehension(node)


def _comprehension(node: Comprehension) -> str:
    tail = "" if node.condition is None else f" if {render_expression(node.condition)}"
    source = render_expression(node.source)
    body = render_expression(node.body)
    return f"{node.name}({body} for {_name(node.variable)} in {source}{tail})"


def _name(part: str) -> str:
    from gateway.translation.tokens import KEYWORDS  # noqa: PLC0415

    plain = part.isascii() and part.replace("_", "a").isalnum() and part[0].isalpha()
    return part if plain and part not in KEYWORDS else f"`{part}`"
