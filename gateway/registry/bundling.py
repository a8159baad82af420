"""Makes a schema stand alone: types of other files move into its own `$defs`."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from gateway.errors import ConfigError

__all__ = ["Bundle", "Library"]


class Library(Protocol):
    """Where the other files are."""

    def locate(self, reference: str, file: Path) -> Path:
        """Return the file that a relative reference means."""
        ...

    def shared(self, file: Path) -> dict[str, Any]:
        """Return the object in a file."""
        ...


class Bundle:
    """Collects the types of other files under their own names."""

    def __init__(self, library: Library, schema: Mapping[str, Any], file: Path) -> None:
        self.shelf = library
        self.schema = schema
        self.file = file.resolve()
        self.types: dict[str, Any] = {}
        self.origin: dict[str, Path] = {}

    def rewrite(self, node: Any, file: Path) -> Any:
        """Return `node` with every reference pointing into the bundle."""
        if isinstance(node, list):
            return [self.rewrite(item, file) for item in node]
        if not isinstance(node, dict):
            return node
        return {
            key: self.take(value, file)
            if key == "$ref" and isinstance(value, str)
            else self.rewrite(value, file)
            for key, value in node.items()
        }

    def take(self, reference: str, file: Path) -> str:
        """Return the reference inside the bundle, fetching its target first."""
        place, _, pointer = reference.partition("#")
        found = re.fullmatch(r"/\$defs/([A-Za-z0-9_]+)", pointer)
        if not found:
            raise ConfigError("a $ref must end in #/$defs/NAME.", file=str(file))
        name = found.group(1)
        target = self.shelf.locate(place, file) if place else file.resolve()
        if self.origin.setdefault(name, target) != target:
            raise ConfigError(f"'{name}' names two types.", file=str(file))
        if name not in self.types:
            self._fetch(name, target, file)
        return f"#/$defs/{name}"

    def _fetch(self, name: str, target: Path, file: Path) -> None:
        source = self.schema if target == self.file else self.shelf.shared(target)
        body = source.get("$defs", {}).get(name)
        if body is None:
            raise ConfigError(f"there is no '{name}' in {target.name}.", file=str(file))
        self.types[name] = True
        self.types[name] = self.rewrite(body, target)
