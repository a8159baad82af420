"""`remithub version`: what is installed."""

import platform
from importlib import metadata

from gateway.cli.output import Output

__all__ = ["installed", "version"]


def installed() -> str:
    """Return the version of the installed distribution."""
    return metadata.version("remithub")


def version(*, json: bool = False) -> None:
    """Print the versions that a bug report needs.

    Parameters
    ----------
    json
        Print one JSON object.
    """
    Output(json=json).record(
        {
            "remithub": installed(),
            "python": platform.python_version(),
            "system": platform.platform(terse=True),
        }
    )
