"""What a log may say of trouble: a code or a place, never the text of an unknown exception."""

from gateway.errors import HubError

__all__ = ["place_of", "told"]


def told(trouble: Exception) -> str:
    """Return the code of a fault of ours, of any other exception its kind and place."""
    return trouble.code if isinstance(trouble, HubError) else place_of(trouble)


def place_of(bug: Exception) -> str:
    """Return the kind of an exception and where it was raised."""
    trace = bug.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f"{trace.tb_frame.f_code.co_qualname}:{trace.tb_lineno}" if trace else "?"
    return f"{type(bug).__name__} in {where}"
