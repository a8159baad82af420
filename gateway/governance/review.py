"""Reviews every contract of a registry: headers, schemas, examples, lock. Finds, never fixes."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from gateway.errors import ConfigError
from gateway.governance.finding import LintFinding
from gateway.governance.lint import lint_schema
from gateway.governance.lock import unreleased, verify_lock
from gateway.governance.masking import phi_classes
from gateway.governance.profiles import Profile
from gateway.governance.records import record_faults
from gateway.governance.validator import compile_validator
from gateway.governance.violation import Validator
from gateway.registry import COMMON, ContractVersion, Registry

__all__ = ["header_findings", "review_contracts", "review_version"]

_MODES = frozenset({
    "NONE", "BACKWARD", "BACKWARD_TRANSITIVE", "FORWARD", "FORWARD_TRANSITIVE", "FULL",
    "FULL_TRANSITIVE",
})  # fmt: skip
_CLASSIFICATIONS = frozenset({"public", "internal", "confidential", "restricted"})
_EVENT = re.compile(r"com(\.[a-z][a-z0-9_]*){2,4}\.v[0-9]+")


def review_contracts(registry: Registry, lock: str) -> list[LintFinding]:
    """Return everything that is wrong with the contracts of the registry's first root.

    `lock` is the text of `contracts.lock`. Raises ConfigError only for files that cannot be read.
    """
    files = registry.files()
    drafts = unreleased(registry.contracts())
    found = [*verify_lock(lock, files, drafts), *_schemas(files)]
    for contract in registry.contracts():
        found += header_findings(contract)
        found += _version(registry, contract, files)
    return found


def review_version(registry: Registry, contract: ContractVersion) -> list[LintFinding]:
    """Return what is wrong with one version: its schema, header and examples."""
    files = {
        f"{contract.identity}/{file.relative_to(contract.folder).as_posix()}": file.read_bytes()
        for file in sorted(contract.folder.rglob("*.json"))
    }
    return [*_schemas(files), *header_findings(contract), *_version(registry, contract, files)]


def _schemas(files: Mapping[str, bytes]) -> Iterator[LintFinding]:
    for file, body in files.items():
        shared = file.startswith(f"{COMMON}/")
        if shared or file.endswith("/schema.json"):
            yield from lint_schema(json.loads(body), file=file, root=not shared)


def header_findings(contract: ContractVersion) -> Iterator[LintFinding]:
    """Yield what is wrong with what `contract.yaml` says of a version."""
    header, file = contract.header, f"{contract.name}/contract.yaml"
    sets = {"compatibility": _MODES, "classification": _CLASSIFICATIONS}
    for field, allowed in sets.items():
        if getattr(header, field) not in allowed:
            text = f"is one of {', '.join(sorted(allowed))}."
            yield LintFinding(file=file, pointer=f"/{field}", rule="header", text=text)
    for text in record_faults(contract.version, contract.record):
        pointer = f"/versions/{contract.version}"
        yield LintFinding(file=file, pointer=pointer, rule="life_cycle", text=text)
    for index, event in enumerate(header.events):
        if not _EVENT.fullmatch(event):
            text = "is com.<owner>.<noun>.<past-verb>.v<major>."
            yield LintFinding(file=file, pointer=f"/events/{index}", rule="header", text=text)


def _version(
    registry: Registry, contract: ContractVersion, files: Mapping[str, bytes]
) -> Iterator[LintFinding]:
    folder = contract.identity
    try:
        schema = registry.bundled_schema(contract.name, contract.version)
        engines: list[Validator] = [compile_validator(schema, profile) for profile in _PROFILES]
    except ConfigError as fault:
        yield LintFinding(
            file=f"{folder}/schema.json", pointer="", rule="compile", text=fault.reason
        )
        return
    if phi_classes(schema) and contract.header.classification != "restricted":
        yield LintFinding(
            file=f"{contract.name}/contract.yaml",
            pointer="/classification",
            rule="classification",
            text="a contract with PHI is restricted.",
        )
    yield from _examples(folder, files, engines)


_PROFILES = (Profile.WRITER, Profile.READER)


def _examples(
    folder: str, files: Mapping[str, bytes], engines: list[Validator]
) -> Iterator[LintFinding]:
    for kind, judge in (("valid", _valid_example), ("invalid", _invalid_example)):
        start = f"{folder}/examples/{kind}/"
        names = [name for name in files if name.startswith(start)]
        if not names:
            yield LintFinding(file=start, pointer="", rule="examples", text="there is none.")
        for name in names:
            for place, text in judge(json.loads(files[name]), engines):
                yield LintFinding(file=name, pointer=place, rule="examples", text=text)


def _valid_example(document: Any, engines: list[Validator]) -> Iterator[tuple[str, str]]:
    for profile, engine in zip(_PROFILES, engines, strict=True):
        for fault in engine.errors(document):
            yield fault.pointer, f"breaks {fault.keyword} for a {profile}."


def _invalid_example(example: Any, engines: list[Validator]) -> Iterator[tuple[str, str]]:
    expected = (example["expect"]["pointer"], example["expect"]["keyword"])
    found = {(fault.pointer, fault.keyword) for fault in engines[0].errors(example["document"])}
    if expected not in found:
        yield expected[0], f"should break {expected[1]} here and does not."
    if found - {expected}:
        yield min(found - {expected})[0], "breaks the contract at another place too."
