"""Which class of failure an error of paramiko or the network is; no text of theirs is kept."""

import errno

from connectors.base import Failure, SourceFault

__all__ = ["SftpFault", "operation_fault"]


class SftpFault(Exception):
    """An SFTP operation failed. `lost` says that no answer came: it may have been carried out."""

    def __init__(
        self, failure: Failure, code: str, detail: str = "", *, lost: bool = False
    ) -> None:
        super().__init__(code)
        self.failure = failure
        self.code = code
        self.detail = detail
        self.lost = lost

    def as_source_fault(self) -> SourceFault:
        """Return the fault as a source raises it."""
        return SourceFault(self.failure, self.code, self.detail)


def operation_fault(fault: Exception, *, alive: bool) -> SftpFault:
    """Classify what an operation on an open channel raised.

    paramiko turns a status of the server into an OSError, and a dead connection too; `alive`
    (the channel still stands) tells them apart.
    """
    if isinstance(fault, SftpFault):
        return fault
    if isinstance(fault, TimeoutError):
        return SftpFault(Failure.DESTINATION, "timeout", lost=True)
    if not isinstance(fault, OSError) or isinstance(fault, ConnectionError) or not alive:
        return SftpFault(Failure.DESTINATION, "connection_lost", lost=True)
    match fault.errno:
        case errno.ENOENT:
            return SftpFault(Failure.DESTINATION, "not_found")
        case errno.EACCES:
            return SftpFault(Failure.CREDENTIAL, "permission")
        case _:
            return SftpFault(Failure.DESTINATION, "refused_by_server")
