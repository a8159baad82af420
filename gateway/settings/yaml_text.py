"""Reads YAML as people mean it, and remembers on which line everything stands.

Stricter than YAML 1.1: `NO` and `00123` stay text, equal keys and aliases are refused, `${env:NAME}` is
replaced before a value's type is decided, `${secret:NAME}` is left for whoever may see it.
"""

import re
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
import yaml

from gateway.errors import ConfigError

__all__ = ["Tree", "decode", "load"]

T = TypeVar("T")

MAX_FIGURE_CHARACTERS = 40
"""What is longer is a text, whatever it looks like: no option is such a number."""

_ENVIRONMENT = re.compile(r"\$\{env:([A-Z][A-Z0-9_]*)(?::-([^}]*))?\}")
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)\Z")
_FLOAT = re.compile(r"[-+]?(0|[1-9][0-9]*)\.[0-9]+\Z")
_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None, "~": None, "": None}
_PATH_AT_END = re.compile(r" - at `(?:key in )?(\$[^`]*)`$")


class Tree(msgspec.Struct, frozen=True):
    """Plain data of one YAML file and the line (from 1) of every path (`$.settings.port`)."""

    file: str
    data: Any
    lines: Mapping[str, int]

    def line_of(self, path: str) -> int:
        """Return the line of that path or of its nearest parent."""
        while path not in self.lines and path:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self.lines.get(path, 1)


class _Builder:
    def __init__(self, file: str, environment: Mapping[str, str]) -> None:
        self.file = file
        self.environment = environment
        self.lines: dict[str, int] = {}
        self.seen: set[int] = set()

    def fault(self, reason: str, node: yaml.Node) -> ConfigError:
        return ConfigError(reason, file=self.file, line=node.start_mark.line + 1)

    def build(self, node: yaml.Node, path: str) -> Any:
        if id(node) in self.seen:
            raise self.fault("anchors and aliases are not allowed", node)
        self.seen.add(id(node))
        self.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, f"{path}[{i}]") for i, item in enumerate(node.value)]
        return self.scalar(node)

    def mapping(self, node: yaml.MappingNode, path: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise self.fault("a key must be plain text", key_node)
            key = key_node.value
            if key in found:
                raise self.fault(f"key '{key}' stands twice", key_node)
            self.lines[f"{path}.{key}"] = key_node.start_mark.line + 1
            found[key] = self.build(value_node, f"{path}.{key}")
        return found

    def scalar(self, node: yaml.Node) -> Any:
        def replaced(match: re.Match[str]) -> str:
            value = self.environment.get(match[1], match[2])
            if value is None:
                raise self.fault(f"environment variable {match[1]} is not set", node)
            return value

        text = _ENVIRONMENT.sub(replaced, node.value)
        if getattr(node, "style", None) is not None:
            return text
        if text in _WORDS:
            return _WORDS[text]
        if len(text) > MAX_FIGURE_CHARACTERS:
            return text
        if _INTEGER.match(text):
            return int(text)
        return float(text) if _FLOAT.match(text) else text


def load(text: str, *, file: str, environment: Mapping[str, str] | None = None) -> Tree:
    """Read one YAML document. Raises ConfigError with file and line."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"not YAML: {error.problem}", file=file, line=line) from None
    except yaml.YAMLError:
        raise ConfigError("not YAML", file=file, line=1) from None
    except RecursionError:
        raise ConfigError("nested too deeply", file=file, line=1) from None
    builder = _Builder(file, environment or {})
    data = builder.build(node, "$") if node is not None else {}
    return Tree(file=file, data=data, lines=builder.lines)


def decode(tree: Tree, kind: type[T], *, at: str = "$", data: Any = msgspec.UNSET) -> T:
    """Turn plain data into a settings struct. Raises ConfigError naming file, line and key."""
    try:
        return msgspec.convert(tree.data if data is msgspec.UNSET else data, kind)
    except msgspec.ValidationError as error:
        reason = str(error)
        place = _PATH_AT_END.search(reason)
        path = at + (place[1][1:] if place else "")
        unknown = re.search(r"unknown field `([^`]+)`", reason)
        line = tree.line_of(f"{path}.{unknown[1]}" if unknown else path)
        where = f" at '{path[2:]}'" if len(path) > 2 else ""
        plain = _PATH_AT_END.sub("", reason).replace("Object contains unknown", "unknown")
        raise ConfigError(f"{plain}{where}", file=tree.file, line=line) from None
