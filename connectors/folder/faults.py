"""Which class of failure an operating system error is."""

import errno

from connectors.base import Failure, SourceFault

__all__ = ["classified", "source_fault"]

_NO_ENTRY = (errno.EACCES, errno.EPERM, errno.EROFS)


def classified(fault: OSError) -> tuple[Failure, str]:
    """Return the class and a stable code: the error's own short name, never a path."""
    code = errno.errorcode.get(fault.errno or 0, "os_error").lower()
    return (Failure.CREDENTIAL if fault.errno in _NO_ENTRY else Failure.DESTINATION), code


def source_fault(fault: OSError) -> SourceFault:
    """Return the source's fault for an operating system error."""
    failure, code = classified(fault)
    return SourceFault(failure, code)
