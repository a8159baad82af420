"""Options of the folder connector: the one place where they are written."""

from typing import Annotated

from msgspec import Meta

from connectors.listing import FilePolling

__all__ = ["Settings"]


class Settings(FilePolling, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Takes files from a local folder once they have stopped changing, or puts files there."""

    archive_folder: Annotated[
        str,
        Meta(pattern="^[^/\\\\.][^/\\\\]*$", description="Folder below `path` for `archive`."),
    ] = "done"
