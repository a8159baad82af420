"""`remithub contract export|catalogue`: the contracts for other people's tools, and for their eyes."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gateway.governance.export import Published

__all__ = ["ExportFormat", "catalogue", "export"]


class ExportFormat(StrEnum):
    """What kind of document is written."""

    OPENAPI = "openapi"
    ASYNCAPI = "asyncapi"
    ODCS = "odcs"


def export(
    *names: str,
    format: ExportFormat = ExportFormat.OPENAPI,  # noqa: A002  the option's name
    out: Path | None = None,
    root: Path | None = None,
) -> int:
    """Write the contracts as OpenAPI 3.1, AsyncAPI 3.0 or ODCS 3.1, without a running hub.

    OpenAPI and AsyncAPI are one document; ODCS is one a version. Without --out the documents are
    printed as JSON, ODCS one a line.

    Parameters
    ----------
    names
        The contracts, such as remittance-advice; without one, all.
    format
        openapi: every route of the API with every answer. asyncapi: the events that are sent and
        the messages that are taken. odcs: fields, classification, service levels, owner.
    out
        A folder to write the files into; it is made where it is not there.
    root
        The folder with contracts/ in it; without it, what came with the program.
    """
    from gateway.cli.output import Output
    from gateway.governance.export import asyncapi_document, odcs_document

    contracts = _contracts(names, root)
    match format:
        case ExportFormat.OPENAPI:
            documents = {"openapi.json": _openapi(contracts)}
        case ExportFormat.ASYNCAPI:
            documents = {"asyncapi.json": asyncapi_document(contracts)}
        case ExportFormat.ODCS:
            documents = {
                f"{one.name}-{one.version}.odcs.json": odcs_document(one) for one in contracts
            }
    output = Output(json=True)
    if out is None:
        for document in documents.values():
            output.data(document)
        return 0
    from gateway.governance.export.page import json_text

    _write(out, {name: json_text(document).encode() for name, document in documents.items()})
    output.say(f"{_counted(len(documents), 'file')} in {out}: {', '.join(documents)}")
    return 0


def catalogue(*names: str, out: Path, own: bool = False, root: Path | None = None) -> int:
    """Write the catalogue of the contracts: static pages to read, search, print and send on.

    The pages load nothing and need no server: open index.html. The same contracts give the same
    bytes. Files that are there already are written over; others in the folder stay.

    Parameters
    ----------
    names
        The contracts to show, such as remittance-advice; without one, all.
    out
        The folder to write into; it is made where it is not there.
    own
        Your own copy, not a partner's: says too which interfaces and mappings are built twice.
    root
        The folder with config/, contracts/ and mappings/ in it; without it, what came with the
        program.
    """
    from gateway.cli.output import Output
    from gateway.governance import export as exports

    contracts = _contracts(names, root)
    documents = {
        "openapi.json": ("the API as OpenAPI 3.1", _openapi(contracts)),
        "asyncapi.json": (
            "events and messages as AsyncAPI 3.0",
            exports.asyncapi_document(contracts),
        ),
    }
    files = exports.catalogue(
        contracts, documents=documents, duplicates=_duplicates(root) if own else None
    )
    _write(out, files)
    Output().say(f"{_counted(len(files), 'file')} in {out}. Next: open {out / 'index.html'}")
    return 0


def _contracts(names: tuple[str, ...], root: Path | None) -> "list[Published]":
    """Return what is asked for. Raises NotFound for a name that is not there."""
    from gateway.governance.export import publish
    from gateway.registry import Registry, starter_root

    registry = Registry(root or starter_root())
    for name in names:
        registry.contract(name)
    return publish(registry, names)


def _openapi(contracts: "list[Published]") -> dict[str, Any]:
    from gateway.api.description import describe

    return describe(contracts)


def _duplicates(root: Path | None) -> list[str]:
    import os

    from gateway.cli.sprawling import sprawl_of
    from gateway.registry import starter_root

    return [found.words for found in sprawl_of(root or starter_root(), os.environ)]


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files below a folder. Raises UsageFault where that cannot be."""
    from gateway.errors import UsageFault

    try:
        for name, body in files.items():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(body)
    except OSError as fault:
        raise UsageFault(
            f"{folder} cannot be written: {fault.strerror}.", next_step="name another --out."
        ) from None


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
