"""Options of the folder connector: the one place where they are written."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

__all__ = ["Settings"]

Pattern = Annotated[str, Meta(min_length=1)]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Takes files from a local folder once they have stopped changing, or puts files there."""

    path: Annotated[str, Meta(min_length=1, description="Folder to take from or put into.")]
    match: Annotated[tuple[Pattern, ...], Meta(description="Names to take (`*` and `?`).")] = (
        "*",
    )
    ignore: Annotated[tuple[Pattern, ...], Meta(description="Names never to take.")] = (
        "*.part",
        "*.tmp",
        "*.filepart",
        ".*",
    )
    settle_seconds: Annotated[
        float, Meta(ge=0, le=3600, description="Unchanged for this long before it is taken.")
    ] = 10.0
    after: Annotated[
        Literal["archive", "delete", "leave"],
        Meta(description="What becomes of a file that the hub has accepted."),
    ] = "archive"
    archive_folder: Annotated[
        str,
        Meta(pattern="^[^/\\\\.][^/\\\\]*$", description="Folder below `path` for `archive`."),
    ] = "done"
    max_files_per_poll: Annotated[
        int, Meta(ge=1, le=100_000, description="Files taken at one poll, oldest first.")
    ] = 500
    max_bytes_per_poll: Annotated[
        int, Meta(ge=1, description="Bytes taken at one poll; one file always fits.")
    ] = 1_073_741_824
