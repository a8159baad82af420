"""What a check of contracts looks at beyond schemas and examples: steps, rules, migrations, readers."""

from collections.abc import Iterator
from datetime import datetime

import msgspec

from gateway.app.contract_folder import ContractFolder
from gateway.errors import ConfigError
from gateway.governance.migrations import compile_migrations
from gateway.governance.publishing import comparison_faults, example_faults, examples_of
from gateway.governance.quality import compile_quality, read_partners
from gateway.governance.references import referenced_by
from gateway.governance.review import header_findings, review_version
from gateway.registry import ContractVersion
from gateway.settings import load

__all__ = ["ContractFault", "contract_faults"]

_GONE = frozenset({"retired", "withdrawn"})


class ContractFault(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong. `file` is below the root folder; `contract` is its name, empty where
    it is about the configuration."""

    file: str
    reason: str
    contract: str = ""
    line: int = 0


def contract_faults(
    folder: ContractFolder, now: datetime, *, reviewed: bool = False
) -> Iterator[ContractFault]:
    """Yield what is wrong with the contracts of a root folder and with who reads them.

    With `reviewed`, schemas, headers and examples too, which `remithub check` looks at itself.
    What is active, or proposed to be, is held against the versions before it; drafts are not.
    """
    names = sorted({one.name for one in folder.own()})
    for contract in folder.own():
        yield from _version(folder, contract, now, reviewed=reviewed)
    for name in names:
        yield from _migrations(folder, name)
    yield from _configuration(folder)


def _version(
    folder: ContractFolder, contract: ContractVersion, now: datetime, *, reviewed: bool
) -> Iterator[ContractFault]:
    header = f"contracts/{contract.name}/contract.yaml"
    try:
        found = (
            review_version(folder.registry, contract) if reviewed else header_findings(contract)
        )
        for finding in found:
            place = f"{finding.pointer}: " if finding.pointer else ""
            yield _fault(contract, f"contracts/{finding.file}", f"{place}{finding.text}")
        for text in example_faults(folder.registry, contract, folder.limits):
            yield _fault(contract, f"contracts/{contract.name}/quality.yaml", text)
        if _published(contract):
            around = folder.surroundings(now)
            for text in comparison_faults(folder.registry, contract, around):
                yield _fault(contract, header, f"{contract.version}: {text}")
    except ConfigError as error:
        yield _of_error(contract.name, error, header)
    yield from _still_named(folder, contract)


def _published(contract: ContractVersion) -> bool:
    proposed = contract.record.proposed
    return contract.status == "active" or (proposed is not None and proposed.to == "active")


def _still_named(folder: ContractFolder, contract: ContractVersion) -> Iterator[ContractFault]:
    if contract.status in _GONE:
        for one in referenced_by(
            folder.registry, folder.references, contract.name, contract.version
        ):
            reason = f"{one.by} gets {contract.identity}, which is {contract.status}"
            yield _fault(contract, f"contracts/{contract.name}/contract.yaml", reason)


def _migrations(folder: ContractFolder, name: str) -> Iterator[ContractFault]:
    versions = [one for one in folder.registry.contracts() if one.name == name]
    try:
        # What is proposed stands for its major already: its migrations come with it.
        standing = {one.major: one.version for one in versions if _published(one)}
        migrations = compile_migrations(
            folder.registry, name, standing=standing, limits=folder.limits
        )
        for contract in versions:
            if contract.status in _GONE or contract.major not in migrations.majors:
                continue
            for example, document in examples_of(contract):
                for fault in migrations.examine(document, contract.major):
                    place = fault.pointer or "/"
                    text = f"{contract.identity}/{example} at {place} {fault.text} ({fault.code})"
                    yield _fault(contract, f"contracts/{fault.migration}", text)
    except ConfigError as error:
        yield _of_error(name, error, f"contracts/{name}/migrations")


def _configuration(folder: ContractFolder) -> Iterator[ContractFault]:
    file = folder.root / "config/quality.yaml"
    try:
        _ = folder.declared
        if file.is_file():
            tree = load(file.read_text(encoding="utf-8"), file="config/quality.yaml")
            read_partners(tree, rules=lambda name: compile_quality(folder.registry, name).names)
    except ConfigError as error:
        yield _of_error("", error, "config")


def _fault(contract: ContractVersion, file: str, reason: str) -> ContractFault:
    return ContractFault(file=file, reason=reason, contract=contract.name)


def _of_error(contract: str, error: ConfigError, file: str) -> ContractFault:
    return ContractFault(
        file=error.file or file, reason=error.reason, contract=contract, line=error.line
    )
