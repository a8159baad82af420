"""Exit codes of every verb, and which error ends with which."""

from enum import IntEnum

from gateway.errors import Conflict, HubError, NotFound, TryAgain, UsageFault

__all__ = ["Exit", "exit_code"]


class Exit(IntEnum):
    """What a script may rely on."""

    OK = 0
    FAILED = 1
    USAGE = 2
    PARTIAL = 3
    """Done, but with a warning or a suspect finding."""
    NOT_FOUND = 4
    CONFLICT = 5
    NOT_ALLOWED = 6
    UNAVAILABLE = 7
    """The hub or a partner cannot be reached; the same command may work later."""
    INTERRUPTED = 130
    BROKEN_PIPE = 141


_REFUSED = {
    "approval_required",
    "forbidden",
    "insufficient_scope",
    "not_allowed",
    "reason_required",
    "unauthorized",
}


def exit_code(error: HubError) -> Exit:
    """Return the exit code of an error of ours. What is at fault in itself ends with FAILED."""
    if error.code in _REFUSED:
        return Exit.NOT_ALLOWED
    match error:
        case UsageFault():
            return Exit.USAGE
        case NotFound():
            return Exit.NOT_FOUND
        case Conflict():
            return Exit.CONFLICT
        case TryAgain():
            return Exit.UNAVAILABLE
        case _:
            return Exit.FAILED
