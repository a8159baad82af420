"""Says in our words what PostgreSQL or the way to it refused, and what is to be done about it."""

import asyncpg
from asyncpg.exceptions import _base  # its DataError is shadowed by the server's of that name

from gateway.errors import HubError, StorageFault, UsageFault
from gateway.store.units import StoreUnavailable, UnitConflict

__all__ = ["AGAIN", "LOST", "is_lost", "store_fault", "unit_fault", "unreachable"]

LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.ConnectionDoesNotExistError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InternalClientError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InvalidAuthorizationSpecificationError,
    OSError,
    TimeoutError,
    EOFError,
)
"""The connection is gone or of no use: connect again."""

AGAIN = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
)
"""Another process was in the way: the same group may pass a moment later."""

_PARAMETERS = (
    _base.DataError,  # what the driver cannot encode
    asyncpg.DataError,  # what the server cannot take
    asyncpg.exceptions.SyntaxOrAccessError,
    UnicodeError,
    OverflowError,
    TypeError,
    ValueError,
)
_FULL = (asyncpg.InsufficientResourcesError, asyncpg.exceptions.PostgresSystemError)


def is_lost(error: BaseException) -> bool:
    """Whether the connection is gone; asyncpg says so in several ways."""
    if isinstance(error, _base.DataError):
        return False
    return isinstance(error, (*LOST, asyncpg.InterfaceError))


def unit_fault(error: Exception, statement: str) -> HubError | None:
    """Return the fault when one unit is to blame for it, None when it is not.

    Never the server's own words: they may quote values.
    """
    match error:
        case UnitConflict() | UsageFault():
            return error
        case asyncpg.IntegrityConstraintViolationError():
            place = error.constraint_name or error.column_name or "a constraint"
            return UnitConflict(statement, reason=f"{_name(error)} ({place})")
        case _ if isinstance(error, _PARAMETERS):
            return UsageFault(
                f"The parameters of {statement} do not fit: {_name(error)}.",
                code="statement_parameters",
            )
        case _:
            return None


def store_fault(error: BaseException) -> HubError:
    """Say what the database refused as a whole; `StoreUnavailable` where trying later may help."""
    if isinstance(error, HubError):
        return error
    if is_lost(error):
        return unreachable(error)
    if isinstance(error, _FULL):
        return StoreUnavailable(
            "The database server is out of disk space or memory; nothing was written.",
            code="disk_full",
            next_step="make room at the database server; the hub goes on by itself.",
        )
    if isinstance(error, (*AGAIN, asyncpg.QueryCanceledError)):
        return StoreUnavailable(
            "The database was too busy to answer in time; nothing was written.",
            code="store_busy",
            next_step="look for long transactions at the database server.",
        )
    return StorageFault(f"The database refused ({_name(error)}).")


def unreachable(error: BaseException | None = None) -> StoreUnavailable:
    """Return the fault that says the database is away; nothing was written."""
    why = f" ({_name(error)})" if error is not None else ""
    return StoreUnavailable(
        f"The database cannot be reached{why}; nothing was written.",
        code="store_unreachable",
        next_step="look at the database server and the way to it; the hub goes on by itself.",
    )


def _name(error: BaseException) -> str:
    state = getattr(error, "sqlstate", None)
    return f"{type(error).__name__} {state}" if state else type(error).__name__
