"""Where `${secret:NAME}` comes from: the environment first, then a folder of files."""

import re
from collections.abc import Mapping
from pathlib import Path

__all__ = ["Secrets"]

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}\Z")


class Secrets:
    """Resolves names to values; values never appear in an error."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = environment

    def __call__(self, name: str) -> str:
        """Return the secret. Raises KeyError(name) where neither place has it.

        `billing-token` is REMITHUB_SECRET_BILLING_TOKEN in the environment, or a file of the
        name `billing-token` in the secrets folder (a final line end is not part of it).
        """
        variable = "REMITHUB_SECRET_" + name.upper().replace("-", "_").replace(".", "_")
        if variable in self._environment:
            return self._environment[variable]
        path = self._folder / name
        if not _NAME.match(name) or not path.is_file():
            raise KeyError(name)
        return path.read_text(encoding="utf-8").rstrip("\r\n")
