"""Writes an expression back as text, evenly spaced, for explanations."""

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
from gateway.translation.tokens import KEYWORDS

__all__ = ["render_expression"]


def _literal(value: Constant) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return '"' + escaped.replace("\n", "\\n").replace("\t", "\\t") + '"'
    return str(value)


def _inner(node: Node) -> str:
    text = render_expression(node)
    return f"({text})" if isinstance(node, Binary | Conditional | Unary) else text


def _operation(node: Unary | Binary | Conditional) -> str:
    match node:
        case Unary():
            blank = " " if node.operator == "not" else ""
            return f"{node.operator}{blank}{_inner(node.operand)}"
        case Binary():
            return f"{_inner(node.left)} {node.operator} {_inner(node.right)}"
        case Conditional():
            return f"{_inner(node.yes)} if {_inner(node.test)} else {_inner(node.no)}"


def render_expression(node: Node) -> str:
    """Return text that parses to the same expression."""
    match node:
        case Literal():
            return _literal(node.value)
        case ListLiteral():
            return "[" + ", ".join(_literal(item.value) for item in node.items) + "]"
        case Path():
            return ".".join(_name(part) for part in node.parts) + ("?" if node.optional else "")
        case Unary() | Binary() | Conditional():
            return _operation(node)
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
    plain = part.isascii() and part.replace("_", "a").isalnum() and part[0].isalpha()
    return part if plain and part not in KEYWORDS else f"`{part}`"
