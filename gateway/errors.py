"""The error tree, grouped by what happens next.

Every error carries a stable `code`, a message without payload values, and the next step for
the person who reads it.
"""

__all__ = [
    "ConfigError",
    "Conflict",
    "HubError",
    "NotFound",
    "Reject",
    "StorageFault",
    "TryAgain",
    "UsageFault",
]


class HubError(Exception):
    """Something the hub can name. `code` is stable; `str()` never holds a payload value."""

    code = "hub_error"

    def __init__(self, message: str, *, code: str | None = None, next_step: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.message} Next: {self.next_step}" if self.next_step else self.message


class ConfigError(HubError):
    """A file of ours is wrong: the old configuration stays. Names file, line (from 1) and reason."""

    code = "config_invalid"

    def __init__(self, reason: str, *, file: str = "", line: int = 0, next_step: str = "") -> None:
        place = ":".join(str(p) for p in (file, line) if p)
        super().__init__(f"{place}: {reason}" if place else reason, next_step=next_step)
        self.reason = reason
        self.file = file
        self.line = line


class Reject(HubError):
    """The message itself is at fault: no retry can help, it becomes a dead letter."""

    code = "message_rejected"


class TryAgain(HubError):
    """The surroundings are at fault; the same call may succeed later: after so many seconds, where
    that is known (0: it is not)."""

    code = "try_again"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        next_step: str = "",
        retry_after_seconds: int = 0,
    ) -> None:
        super().__init__(message, code=code, next_step=next_step)
        self.retry_after_seconds = retry_after_seconds


class UsageFault(HubError):
    """The caller asked for something that makes no sense. Shown as is; exit code 2, HTTP 400."""

    code = "usage"


class NotFound(HubError):
    """What was named is not there. Exit code 4, HTTP 404."""

    code = "not_found"


class Conflict(HubError):
    """What was asked for does not fit the present state. Exit code 5, HTTP 409."""

    code = "conflict"


class StorageFault(HubError):
    """The store cannot be trusted or reached: a wrong key, a damaged body, a full disk."""

    code = "storage_fault"
