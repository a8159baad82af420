"""How the hub logs: one line a record, in UTC, whatever the words hold."""

import logging
import time

__all__ = ["OneLine", "set_up_logging"]

MAX_BYTES = 8192
"""Of a record as it is written, its escapes counted, its line end not."""

_NOISY = (
    "alembic",
    "httpx",
    "httpcore",
    "paramiko",
    "aiohttp",
    "apscheduler",
    "_granian",
    "granian",
)


class OneLine(logging.Formatter):
    """Time (RFC 3339, UTC), level, logger, words. Whatever could end the line, or steer a
    terminal or the reading direction, is written as an escape (CWE-117)."""

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-8s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line, shortened where it is very long."""
        whole = super().format(record)
        text = whole[:MAX_BYTES]
        if not text.isprintable():
            text = "".join(c if c.isprintable() else _escaped(c) for c in text)
        raw = text.encode()
        if len(whole) <= MAX_BYTES and len(raw) <= MAX_BYTES:
            return text
        more = f"... ({len(whole)} characters)"
        return raw[: MAX_BYTES - len(more)].decode(errors="ignore") + more


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def set_up_logging(level: str = "INFO") -> None:
    """Log to standard error. Libraries speak from WARNING on; httpx, for one, would log every
    URL."""
    handler = logging.StreamHandler()
    handler.setFormatter(OneLine())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
