"""Reads `contracts/waivers.yaml`: findings that people let pass."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import yaml

from gateway.errors import ConfigError
from gateway.governance.compat.finding import Waiver

__all__ = ["waivers_of"]


def waivers_of(file: Path) -> Sequence[Waiver]:
    """Return what the file says; without the file there is none. Raises ConfigError."""
    if not file.is_file():
        return ()
    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8")) or []
        return msgspec.convert(found, list[Waiver], strict=False)
    except (yaml.YAMLError, msgspec.ValidationError) as fault:
        raise ConfigError(str(fault), file=str(file)) from None
    except (ValueError, RecursionError):  # no UTF-8, no day of the calendar, too deep
        raise ConfigError("this is no readable YAML.", file=str(file)) from None
