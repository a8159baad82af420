"""The token of the hub's own machine: made on first run, read by the command line."""

import os
import re
import stat
from pathlib import Path

from gateway.errors import NotFound, StorageFault
from gateway.ports import Ids

__all__ = ["open_token", "read_token"]

_TOKEN = re.compile(r"[A-Za-z0-9_.~+/=-]{16,200}")
"""What a bearer token may be made of (RFC 6750, 2.1): nothing that could end a header."""


def open_token(path: Path, ids: Ids) -> str:
    """Read the token file, or create it (mode 0600). Raises StorageFault (`token_file_mode`)."""
    try:
        return read_token(path)
    except NotFound:
        token = ids.new("tok")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Made beside and moved: a hub that is cut off here leaves no token file, or a whole one.
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(token + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(part, path)  # unlike a rename it takes nobody's place
    except FileExistsError:
        return read_token(path)
    finally:
        part.unlink()
    return token


def read_token(path: Path) -> str:
    """Read the token file. Raises NotFound, and StorageFault where others may read it too."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise NotFound(f"There is no token file at {path}.", code="token_missing") from None
    except OSError:
        raise _invalid(path) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _invalid(path)
    with os.fdopen(descriptor, encoding="ascii", errors="replace") as file:
        if os.fstat(file.fileno()).st_mode & 0o077:
            raise StorageFault(
                f"The token file {path} may be read by others.",
                code="token_file_mode",
                next_step=f"delete {path} and start the hub again: it makes a new one.",
            )
        token = file.read().strip()
    if not _TOKEN.fullmatch(token):
        raise _invalid(path)
    return token


def _invalid(path: Path) -> StorageFault:
    return StorageFault(
        f"The token file {path} holds no token, or is no plain file.",
        code="token_file_invalid",
        next_step="delete it and start the hub again: it makes a new one.",
    )
