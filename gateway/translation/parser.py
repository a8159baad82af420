"""Reads one expression; the grammar is in mappings/README.md and nowhere else in code."""

from decimal import Decimal
from typing import Final

from gateway.translation.errors import MappingError, Rule
from gateway.translation.limits import MAX_EXPRESSION_DEPTH, MAX_EXPRESSION_HEIGHT
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
    children,
)
from gateway.translation.tokens import Token, tokenize

__all__ = ["parse_each", "parse_expression"]

_COMPARISONS: Final = frozenset({"==", "!=", "<", "<=", ">", ">="})


class _Parser:
    """Recursive descent with a bound on depth; one method per line of the grammar."""

    def __init__(self, text: str) -> None:
        self.tokens = tokenize(text)
        self.position = 0
        self.depth = 0

    @property
    def token(self) -> Token:
        return self.tokens[self.position]

    def take(self) -> Token:
        token = self.token
        self.position += 1
        return token

    def at(self, text: str) -> bool:
        return self.token.text == text and self.token.kind in {"operator", "keyword"}

    def accept(self, text: str) -> bool:
        if self.at(text):
            self.position += 1
            return True
        return False

    def expect(self, text: str) -> None:
        if not self.accept(text):
            raise self.fault(f"expected '{text}'")

    def fault(self, reason: str) -> MappingError:
        place = "the end" if self.token.kind == "end" else f"column {self.token.column}"
        return MappingError(Rule.SYNTAX, f"{reason} at {place}")

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > MAX_EXPRESSION_DEPTH:
            raise MappingError(Rule.TOO_LARGE, "expression nested too deeply")

    def finish(self) -> None:
        if self.token.kind != "end":
            raise self.fault("unexpected text")

    def expression(self) -> Node:
        self.deeper()
        node = self.any_of()
        if self.accept("if"):
            test = self.any_of()
            self.expect("else")
            node = Conditional(test=test, yes=node, no=self.expression())
        self.depth -= 1
        return node

    def any_of(self) -> Node:
        node = self.all_of()
        while self.accept("or"):
            node = Binary(operator="or", left=node, right=self.all_of())
        return node

    def all_of(self) -> Node:
        node = self.negation()
        while self.accept("and"):
            node = Binary(operator="and", left=node, right=self.negation())
        return node

    def negation(self) -> Node:
        if not self.accept("not"):
            return self.comparison()
        self.deeper()
        node = Unary("not", self.negation())
        self.depth -= 1
        return node

    def comparison(self) -> Node:
        left = self.sum()
        if self.token.text in _COMPARISONS and self.token.kind == "operator":
            operator = self.take().text
        elif self.accept("not"):
            self.expect("in")
            operator = "not in"
        elif self.accept("in"):
            operator = "in"
        else:
            return left
        right = self.list_literal() if operator.endswith("in") and self.at("[") else self.sum()
        return Binary(operator=operator, left=left, right=right)

    def sum(self) -> Node:
        node = self.product()
        while self.at("+") or self.at("-"):
            operator = self.take().text
            node = Binary(operator=operator, left=node, right=self.product())
        return node

    def product(self) -> Node:
        node = self.unary()
        while self.at("*") or self.at("/"):
            operator = self.take().text
            node = Binary(operator=operator, left=node, right=self.unary())
        return node

    def unary(self) -> Node:
        if not self.accept("-"):
            return self.default()
        self.deeper()
        node = Unary("-", self.unary())
        self.depth -= 1
        return node

    def default(self) -> Node:
        node = self.primary()
        if self.accept("??"):
            self.deeper()
            node = Binary(operator="??", left=node, right=self.default())
            self.depth -= 1
        return node

    def primary(self) -> Node:
        token = self.token
        if token.kind == "operator" and self.accept("("):
            node = self.expression()
            self.expect(")")
            return node
        if token.kind in {"name", "quoted"}:
            return self.path_or_call()
        return self.literal()

    def literal(self) -> Literal:
        token = self.take()
        if token.kind == "text":
            return Literal(token.text)
        if token.kind == "number":
            return Literal(Decimal(token.text) if "." in token.text else int(token.text))
        if token.kind == "keyword" and token.text in {"true", "false"}:
            return Literal(token.text == "true")
        self.position -= 1
        raise self.fault("expected a value")

    def list_literal(self) -> ListLiteral:
        self.expect("[")
        items = [self.literal()]
        while self.accept(","):
            items.append(self.literal())
        self.expect("]")
        return ListLiteral(tuple(items))

    def path(self) -> Path:
        parts = [self.name()]
        while self.accept("."):
            parts.append(self.name())
        return Path(tuple(parts), self.accept("?"))

    def name(self) -> str:
        if self.token.kind not in {"name", "quoted"}:
            raise self.fault("expected a name")
        return self.take().text

    def path_or_call(self) -> Node:
        following = self.tokens[self.position + 1]
        if self.token.kind == "name" and following.text == "(" and following.kind == "operator":
            name = self.take().text
            self.take()
            return self.call(name)
        return self.path()

    def call(self, name: str) -> Node:
        if self.accept(")"):
            return Call(name=name, arguments=())
        arguments = [self.expression()]
        if self.accept("for"):
            return self.comprehension(name, arguments[0])
        while self.accept(","):
            arguments.append(self.expression())
        self.expect(")")
        return Call(name=name, arguments=tuple(arguments))

    def comprehension(self, name: str, body: Node) -> Comprehension:
        variable = self.name()
        self.expect("in")
        source = self.path()
        condition = self.expression() if self.accept("if") else None
        self.expect(")")
        return Comprehension(
            name=name, body=body, variable=variable, source=source, condition=condition
        )


def parse_expression(text: str) -> Node:
    """Parse an expression. Raises MappingError (SYNTAX, TOO_LARGE) with a column, no line."""
    parser = _Parser(text)
    node = parser.expression()
    parser.finish()
    _limit_height(node)
    return node


def _limit_height(node: Node) -> None:
    """Refuse a tree so high that compiling it could exhaust the stack; counts without one."""
    level: tuple[Node, ...] = (node,)
    height = 0
    while level:
        height += 1
        if height > MAX_EXPRESSION_HEIGHT:
            raise MappingError(Rule.TOO_LARGE, "expression has too many operations in a row")
        level = tuple(child for parent in level for child in children(parent))


def parse_each(text: str) -> tuple[str, Path]:
    """Parse `line in claim.service_lines` into the variable and the path."""
    parser = _Parser(text)
    variable = parser.name()
    parser.expect("in")
    path = parser.path()
    parser.finish()
    return variable, path
