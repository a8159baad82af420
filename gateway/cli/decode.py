"""`remithub decode`: show what is in X12 835 files, as JSON lines or as a table for people."""

import gc
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from gateway.cli.exits import Exit
from gateway.cli.output import Output, json_line

if TYPE_CHECKING:
    from gateway.formats import Part

__all__ = ["decode"]

_BLOCK_BYTES = 1024 * 1024
_COLLECT_AFTER = 500_000
_NOT_SUPPORTED = "transaction_set_not_supported"


def decode(files: list[Path], *, summary: bool = False, production: bool = False) -> int:
    """Print the remittances in `files` ("-" is standard input), one JSON object per line.

    Each line is `{"file", "interchange", "transaction_set", "message", "findings"}` for an 835
    transaction set and `{"file", "error", "findings"}` for what could not be read. With
    `summary`, a table for people instead. With `production`, test data (ISA15 = T) is suspect.
    Returns the exit code: 0 clean, 1 something unreadable, 3 a suspect finding, 4 a file is not
    there. A transaction set of another kind beside 835s changes nothing.
    """
    from gateway.cli.decode_table import Table

    # Documents hold no cycles and go one by one; walking them again and again costs 15 % of the time.
    gc.set_threshold(_COLLECT_AFTER)
    table = Table() if summary else None
    show = table.add if table else _print_line
    codes = {_decode_file(file, show, production=production) for file in files}
    if table:
        table.show()
    sys.stdout.flush()
    for code in (Exit.NOT_FOUND, Exit.FAILED, Exit.PARTIAL):
        if code in codes:
            return code
    return Exit.OK


def _decode_file(file: Path, show: "Callable[[str, Part], None]", *, production: bool) -> int:
    """Show one file's parts; returns the exit code it alone would have."""
    try:
        if str(file) == "-":
            return _decode_once("-", sys.stdin.buffer, show, production=production)
        with file.open("rb") as stream:
            once = _decode_stream if stream.seekable() else _decode_once
            return once(_shown(file), stream, show, production=production)
    except BrokenPipeError:
        raise  # the reader of our output went away: the command line ends quietly
    except OSError as error:
        reason = error.strerror or "cannot be read"
        Output().say(f"{_shown(file)}: {reason}. Next: check the path.")
        return Exit.NOT_FOUND


def _shown(file: Path) -> str:
    """Return a file's name as text that can be written, whatever its bytes."""
    return os.fsencode(file).decode("utf-8", "replace")


def _decode_once(
    name: str, stream: BinaryIO, show: "Callable[[str, Part], None]", *, production: bool
) -> int:
    """Decode what can be read only once, a pipe: it is kept for the while."""
    with tempfile.TemporaryFile() as kept:
        while block := stream.read(_BLOCK_BYTES):
            kept.write(block)
        return _decode_stream(name, kept, show, production=production)


def _decode_stream(
    name: str, stream: BinaryIO, show: "Callable[[str, Part], None]", *, production: bool
) -> int:
    from gateway.formats import READERS, Origin
    from gateway.model.finding import Severity

    digest = sha256()
    for block in _blocks(stream):
        digest.update(block)
    origin = Origin(
        tenant_id="local",
        interface="decode",
        artifact_id=f"art_{digest.hexdigest()[:32]}",
        sha256=digest.hexdigest(),
        production=production,
    )
    suspect = broken = readable = other = False
    for part in READERS["x12-835"].read(lambda: _blocks(stream), origin):
        show(name, part)
        readable |= part.document is not None
        other |= part.error == _NOT_SUPPORTED
        broken |= bool(part.error) and part.error != _NOT_SUPPORTED
        suspect |= any(finding.severity is Severity.SUSPECT for finding in part.findings)
    if broken or (other and not readable):
        return Exit.FAILED
    return Exit.PARTIAL if suspect else Exit.OK


def _blocks(stream: BinaryIO) -> Iterator[bytes]:
    stream.seek(0)
    while block := stream.read(_BLOCK_BYTES):
        yield block


def _print_line(name: str, part: "Part") -> None:
    line: dict[str, object] = {"file": name}
    if part.interchange or part.document is not None:
        line["interchange"] = part.interchange
    if part.transaction_set:
        line["transaction_set"] = part.transaction_set
    if part.document is None:
        line["error"] = {
            "code": part.error,
            "ordinal": part.ordinal,
            "offset": part.offset,
            "length": part.length,
        }
    else:
        line["message"] = part.document
    line["findings"] = part.findings
    sys.stdout.buffer.write(json_line(line))
