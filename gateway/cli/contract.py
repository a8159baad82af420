"""`remithub contract list|show|lock`: the contracts and their fields."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.registry import VersionRecord

__all__ = ["list", "lock", "show"]


def list(*, root: Path | None = None, json: bool = False) -> int:  # noqa: A001  the verb's name
    """List the contracts with version and state.

    Parameters
    ----------
    root
        The folder with contracts/ in it; without it, what came with the program.
    json
        Print JSON.
    """
    from gateway.cli.output import Column, Output
    from gateway.registry import Registry, starter_root

    rows = [
        {
            "name": contract.name,
            "version": contract.version,
            "status": contract.status,
            "owner": contract.header.owner,
            "classification": contract.header.classification,
            "successor": contract.record.successor,
            "sunset_at": contract.record.sunset_at,
            "proposed": contract.record.proposed.to if contract.record.proposed else "",
            "title": contract.header.title,
        }
        for contract in Registry(root or starter_root()).contracts()
    ]
    titles = ("name", "version", "status", "proposed", "owner", "classification", "title")
    columns = [Column(key=name, title=name.capitalize()) for name in titles]
    Output(json=json).table(columns, rows, empty="There is no contract in this folder.")
    return 0


def show(name: str, version: str = "*", *, root: Path | None = None, json: bool = False) -> int:
    """Show the fields of one contract.

    Parameters
    ----------
    name
        The contract, such as remittance-advice.
    version
        A version (1.0.0) or a range (^1.0); without it, the newest.
    root
        The folder with contracts/ in it; without it, what came with the program.
    json
        Print the schema that stands alone, as JSON, instead.
    """
    from gateway.cli.output import Column, Output
    from gateway.governance.docs import contract_fields
    from gateway.registry import Registry, starter_root

    registry = Registry(*dict.fromkeys((starter_root(), root or starter_root())))
    contract = registry.contract(name, version)
    schema = registry.bundled_schema(name, contract.version)
    output = Output(json=json)
    if json:
        output.data(schema)
        return 0
    output.line(f"{contract.header.title}, {contract.identity}, {contract.status}")
    for line in _ahead(contract.record):
        output.line(line)
    columns = [
        Column(key=key, title=title)
        for key, title in (
            ("path", "Field"),
            ("kind", "Type"),
            ("required", "Required"),
            ("phi", "PHI"),
            ("description", "Meaning"),
        )
    ]
    output.table(
        columns,
        [
            {
                "path": field.path,
                "kind": field.kind,
                "required": field.required,
                "phi": field.phi,
                "description": field.description,
            }
            for field in contract_fields(schema)
        ],
    )
    return 0


def _ahead(record: "VersionRecord") -> Iterator[str]:
    """Yield what is known of a version's end."""
    if record.sunset_at:
        yield f"Sunset {record.sunset_at}; move to {record.successor}."
    if record.proposed is not None:
        yield f"{record.proposed.by} proposes: {record.proposed.to}."


def lock(*, root: Path | None = None) -> int:
    """Add the files of newly released versions to contracts.lock; never changes an entry.

    Parameters
    ----------
    root
        The folder with contracts/ in it; without it, what came with the program.
    """
    from gateway.cli.output import Output
    from gateway.governance.lock import LOCK_FILE, extend_lock, unreleased
    from gateway.registry import Registry, starter_root

    registry = Registry(root or starter_root())
    file = registry.roots[0] / "contracts" / LOCK_FILE
    old = file.read_text(encoding="utf-8") if file.is_file() else ""
    new = extend_lock(old, registry.files(), unreleased(registry.contracts()))
    file.write_text(new, encoding="utf-8")
    added = len(new.splitlines()) - len(old.splitlines())
    Output().say(f"{added} files were added to {LOCK_FILE}.")
    return 0
